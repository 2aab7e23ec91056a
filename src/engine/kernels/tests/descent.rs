//! Steps of gradient descent.

use burn::Tensor;
use burn::tensor::{Device, TensorData};

use super::super::{Pace, descend};
use super::{read, values};

#[test]
fn a_step_is_that_of_burn_to_the_bit() {
    let vector = |length: usize, seed| Tensor::<1>::from_data(TensorData::new(values(length, seed), [length]), &Device::flex());
    for length in [0, 1, 7, 1000] {
        let ([of, momentum, gradient], factor) = ([1, 2, 3].map(|seed| vector(length, seed)), vector(1, 4));
        let pace = Pace { learning_rate: 0.1, momentum: 0.9 };
        let (moved, after) = descend(of.clone(), momentum.clone(), gradient.clone(), factor.clone(), pace);
        let clipped = gradient * factor;
        let expected = momentum.mul_scalar(0.9) + clipped.clone();
        let direction = clipped + expected.clone().mul_scalar(0.9);
        let bits = |tensor: Tensor<1>| read(tensor).into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(moved), bits(of - direction.mul_scalar(0.1)), "{length}");
        assert_eq!(bits(after), bits(expected), "{length}");
    }
}
