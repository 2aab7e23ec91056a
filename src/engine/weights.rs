//! The weights of a super-network as one vector on a device, and views of it by parameter.

use crate::graph::{Graph, Parameter, ParameterKind};
use crate::random::{Purpose, normal, open_unit, stream};
use burn::tensor::{Device, Tensor, TensorData};

/// Where each parameter lies, and how it starts.
#[derive(Debug, Clone)]
pub struct WeightLayout {
    /// All parameters in node order.
    pub parameters: Vec<Parameter>,
    /// Numbers in all.
    pub total: usize,
}

impl WeightLayout {
    /// The layout of a graph's parameters.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let parameters = graph.parameters();
        let total = parameters.last().map_or(0, |parameter| parameter.range.end);
        Self { parameters, total }
    }

    /// Initial values, `[total]`: kernels normal with standard deviation `sqrt(2 / (k² C_out))`, the linear layer uniform within
    /// ±1/sqrt(classes), biases and shifts 0, scales 1 (method 2.1). Each parameter draws from a stream of its own.
    #[must_use]
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut values = vec![0.0; self.total];
        for (index, parameter) in self.parameters.iter().enumerate() {
            let slot = &mut values[parameter.range.clone()];
            let mut generator = stream(seed, Purpose::Initialise, index as u64);
            match (parameter.kind, parameter.dimensions.as_slice()) {
                (ParameterKind::Weight, &[out, in_per_group, height, width]) => {
                    // A depthwise kernel reads one channel: its fan is the kernel alone.
                    let fan = if in_per_group == 1 { height * width } else { height * width * out };
                    let deviation = (2.0 / fan as f32).sqrt();
                    slot.fill_with(|| deviation * normal(&mut generator));
                }
                (ParameterKind::Weight, dimensions) => {
                    let limit = 1.0 / (dimensions[0] as f32).sqrt();
                    slot.fill_with(|| limit * (2.0 * open_unit(&mut generator) - 1.0));
                }
                (ParameterKind::Scale, _) => slot.fill(1.0),
                (ParameterKind::Bias | ParameterKind::Shift, _) => {}
            }
        }
        values
    }

    /// One flat view per parameter of the vector of all.
    #[must_use]
    pub fn split(&self, all: &Tensor<1>) -> Vec<Tensor<1>> {
        self.parameters.iter().map(|parameter| all.clone().slice([parameter.range.clone()])).collect()
    }
}

/// A vector on a device.
#[must_use]
pub fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

/// A matrix on a device, from rows.
#[must_use]
pub fn matrix(values: Vec<f32>, rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// Images on a device, `[batch, channels, height, width]`.
#[must_use]
pub fn images(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
