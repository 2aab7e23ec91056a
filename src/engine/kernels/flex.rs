//! Flex tensors as plain slices and back.

use burn::backend::Flex;
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape};

/// A contiguous tensor of `f32`: what the kernels here read.
pub(super) struct Contiguous<const D: usize> {
    tensor: FlexTensor,
    pub(super) shape: [usize; D],
}

impl<const D: usize> Contiguous<D> {
    /// The tensor, copied where it is a view.
    ///
    /// # Panics
    /// If the tensor holds other elements or has another rank; see [`all_f32`].
    pub(super) fn new(tensor: &FlexTensor) -> Self {
        Self { tensor: tensor.to_contiguous(), shape: tensor.layout().shape().dims() }
    }

    /// The elements, row-major.
    pub(super) fn values(&self) -> &[f32] {
        self.tensor.as_slice().expect("the tensor was made contiguous and is of f32")
    }
}

/// Whether the kernels here can take these tensors; burn's own operations serve the other types.
pub(super) fn all_f32(tensors: &[&FlexTensor]) -> bool {
    tensors.iter().all(|tensor| tensor.dtype() == DType::F32)
}

/// A tensor of these elements.
pub(super) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> burn::backend::tensor::FloatTensor<Flex> {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::new(shape)), DType::F32)
}
