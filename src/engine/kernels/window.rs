//! The sliding window of a convolution or of a pool, and the plane it leaves.

use burn::backend::ops::ConvOptions;

/// The sliding window of a convolution. Pairs are `[vertical, horizontal]`, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Taps of the kernel.
    pub kernel: [usize; 2],
    /// Distance between neighbouring outputs.
    pub stride: [usize; 2],
    /// Zeros assumed on each side.
    pub padding: [usize; 2],
    /// Distance between neighbouring taps.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Window {
    /// A dense square kernel of odd `size` that keeps the plane's size at stride 1.
    #[must_use]
    pub const fn same(size: usize) -> Self {
        Self { kernel: [size; 2], stride: [1; 2], padding: [size / 2; 2], dilation: [1; 2], groups: 1 }
    }

    /// This window moving `stride` pixels at a time both ways.
    #[must_use]
    pub const fn with_stride(self, stride: usize) -> Self {
        Self { stride: [stride; 2], ..self }
    }

    /// This window over `groups` separate groups of channels.
    #[must_use]
    pub const fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Height and width that remain of a plane `[height, width]`; 0 where the kernel does not fit.
    #[must_use]
    pub fn output(&self, plane: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let padded = plane[axis] + 2 * self.padding[axis];
            padded.checked_sub(self.reach(axis) + 1).map_or(0, |room| room / self.stride[axis] + 1)
        })
    }

    /// Distance from the first tap to the last along an axis.
    pub(super) const fn reach(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilation[axis]
    }

    /// Number of taps.
    pub(super) const fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether each output channel sees one input channel, and each of those serves one output.
    pub(super) const fn is_depthwise(&self, weight: [usize; 4]) -> bool {
        self.groups == weight[0] && weight[1] == 1
    }

    /// The same window in burn's words.
    pub(super) fn options(&self) -> ConvOptions<2> {
        ConvOptions::new(self.stride, self.padding, self.dilation, self.groups)
    }

    /// Stops at a window that no convolution of these channels can have.
    pub(super) fn check(&self, input: [usize; 4], weight: [usize; 4]) {
        let Self { kernel, stride, dilation, groups, .. } = *self;
        let positive = [kernel, stride, dilation].as_flattened().iter().all(|&size| size > 0) && groups > 0;
        assert!(positive, "a convolution window needs positive kernel, stride, dilation and groups: {self:?}");
        let fits = weight[1] * groups == input[1] && weight[0].is_multiple_of(groups) && weight[2..] == kernel;
        assert!(fits, "a convolution of input {input:?} by weight {weight:?} does not fit {self:?}");
    }
}

/// The sliding window of a pool. Pairs are `[vertical, horizontal]`, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// Pixels seen at once.
    pub kernel: [usize; 2],
    /// Distance between neighbouring outputs.
    pub stride: [usize; 2],
    /// Places on each side where the kernel may reach over the edge; what is there is not seen.
    pub padding: [usize; 2],
}

impl Pool {
    /// A square kernel of odd `size` that keeps the plane's size at stride 1, or one of even `size` that reaches over no edge.
    #[must_use]
    pub const fn same(size: usize) -> Self {
        Self { kernel: [size; 2], stride: [1; 2], padding: [crate::graph::pool_padding(size); 2] }
    }

    /// This pool moving `stride` pixels at a time both ways.
    #[must_use]
    pub const fn with_stride(self, stride: usize) -> Self {
        Self { stride: [stride; 2], ..self }
    }

    /// Height and width that remain of a plane `[height, width]`; 0 where the kernel does not fit, or would see nothing.
    #[must_use]
    pub fn output(&self, plane: [usize; 2]) -> [usize; 2] {
        let output = self.over(1).output(plane);
        std::array::from_fn(|axis| if plane[axis] == 0 { 0 } else { output[axis] })
    }

    /// The window of the depthwise convolution that sees the same pixels of `channels` planes.
    pub(super) const fn over(&self, channels: usize) -> Window {
        Window { kernel: self.kernel, stride: self.stride, padding: self.padding, dilation: [1; 2], groups: channels }
    }

    /// Stops at a pool that may see nothing.
    pub(super) fn check(&self) {
        let sees = (0..2).all(|axis| self.padding[axis] < self.kernel[axis] && self.stride[axis] > 0);
        assert!(sees, "a pool needs a positive stride and a kernel that its padding does not cover: {self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_pool_tiles_the_plane() {
        assert_eq!(Pool::same(2).with_stride(2).output([8, 7]), [4, 3]);
        assert_eq!(Pool::same(3).with_stride(2).output([8, 7]), [4, 4]);
        assert_eq!(Pool::same(4).with_stride(4).output([8, 7]), [2, 1]);
        assert_eq!(Pool::same(4).with_stride(4).padding, [0; 2]);
    }

    #[test]
    fn a_pool_of_nothing_is_empty() {
        let pool = Pool { kernel: [2, 3], stride: [1; 2], padding: [1, 2] };
        assert_eq!(pool.output([0, 4]), [0, 6]);
        assert_eq!(pool.output([4, 0]), [5, 0]);
    }

    #[test]
    fn output_counts_the_places_the_kernel_fits() {
        assert_eq!(Window::same(3).output([8, 5]), [8, 5]);
        assert_eq!(Window::same(3).with_stride(2).output([8, 5]), [4, 3]);
        assert_eq!(Window { padding: [0; 2], ..Window::same(5) }.output([4, 5]), [0, 1]);
        assert_eq!(Window { dilation: [2; 2], ..Window::same(3) }.output([3, 4]), [1, 2]);
        assert_eq!(Window::same(1).output([0, 1]), [0, 1]);
    }
}
