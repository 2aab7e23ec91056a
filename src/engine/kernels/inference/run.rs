//! The steps of a plan, done on a few images at a time.

use super::super::parallel::with_scratch;
use super::super::simd::run;
use super::layout::Layout;
use super::loops::{Moments, Pooled, Product, Scale, Sum, Walled, multiply};
use super::numbers::Numbers;
use super::plan::{Affine, Norm, Plan, Rows, Step, Term, ZERO};
use super::planes::Planes;
use crate::graph::Values;
use std::cell::Cell;

/// What batch norms go by.
pub(super) enum Normalise<'a> {
    /// Statistics that are a part of the numbers already.
    Given,
    /// Those of the images, which are written here; of `values` the parameters are read.
    Batch { values: &'a Values, epsilon: f64, mean: &'a mut [f32], variance: &'a mut [f32] },
}

impl Plan {
    /// The logits `[images, classes]` of as many images `[images, channels, height, width]` as there is a layout for.
    pub(super) fn run(&self, layout: &Layout, numbers: &Numbers, images: &[f32], normalise: Normalise) -> Vec<f32> {
        let inside: Vec<Vec<u32>> = self.planes.iter().map(|planes| planes.inside(layout.images)).collect();
        with_scratch(layout.total, |rows| {
            let rows = Cell::from_mut(rows).as_slice_of_cells();
            let mut pass = Pass { plan: self, layout, inside: &inside, rows, numbers, images, normalise };
            for (planes, of) in self.planes.iter().enumerate() {
                pass.fill(layout.row(planes, ZERO), of.row(layout.images), 0.0);
            }
            for (index, step) in self.steps.iter().enumerate() {
                pass.step(index, step);
            }
            pass.logits()
        })
    }
}

/// One pass under way.
struct Pass<'a> {
    plan: &'a Plan,
    layout: &'a Layout,
    inside: &'a [Vec<u32>],
    rows: &'a [Cell<f32>],
    numbers: &'a Numbers,
    images: &'a [f32],
    normalise: Normalise<'a>,
}

impl Pass<'_> {
    /// Where place 0 of a row is.
    fn place(&self, planes: usize, slot: u32) -> usize {
        let of = self.plan.planes[planes];
        self.layout.row(planes, slot) + of.lead()
    }

    fn places(&self, rows: &Rows) -> Vec<usize> {
        rows.slots.iter().map(|&slot| self.place(rows.planes, slot)).collect()
    }

    fn terms(&self, planes: usize, terms: &[Term]) -> Vec<usize> {
        terms.iter().map(|term| self.place(planes, term.slot).strict_add_signed(term.distance)).collect()
    }

    fn step(&mut self, index: usize, step: &Step) {
        let numbers = self.numbers;
        let [factors, offsets] = &numbers.places[index];
        let (factors, offsets) = (&numbers.factors[factors.clone()], &numbers.offsets[offsets.clone()]);
        let Rows { planes, slots } = step.target();
        for &slot in slots {
            self.fill(self.layout.row(*planes, slot), self.plan.planes[*planes].lead(), 0.0);
        }
        match step {
            Step::Lay { target } => self.lay(target),
            Step::Split { source, target, phase, stride } => {
                for (&from, &to) in source.slots.iter().zip(&target.slots) {
                    let to = self.place(target.planes, to);
                    self.fill(to, self.inside[target.planes].len(), 0.0);
                    self.pick((source.planes, from), (target.planes, to), *phase, *stride);
                }
            }
            Step::Convolve { terms, target, norm, relu, .. } => {
                let norm = norm.as_ref().filter(|_| matches!(self.normalise, Normalise::Batch { .. }));
                let outputs = self.places(target);
                let (each, of_group) = (outputs.len() / terms.len().max(1), factors.len() / terms.len().max(1));
                for (group, terms) in terms.iter().enumerate() {
                    multiply(Product {
                        rows: self.rows,
                        terms: &self.terms(target.planes, terms),
                        weights: &factors[group * of_group..(group + 1) * of_group],
                        offsets: &offsets[group * each..(group + 1) * each],
                        outputs: &outputs[group * each..(group + 1) * each],
                        inside: &self.inside[target.planes],
                        relu: *relu && norm.is_none(),
                    });
                }
                if let Some(norm) = norm {
                    self.batch_norm(norm, target, target, *relu);
                }
            }
            Step::Affine { source, target, affine: Affine::Norm(norm), relu } if matches!(self.normalise, Normalise::Batch { .. }) => {
                self.batch_norm(norm, source, target, *relu);
            }
            Step::Affine { source, target, relu, .. } => {
                for (row, (&from, &to)) in source.slots.iter().zip(&target.slots).enumerate() {
                    self.scale((source.planes, from), to, [0.0, factors[row], offsets[row]], *relu);
                }
            }
            Step::Add { terms, target, relu, .. } => {
                for ((terms, &to), &offset) in terms.iter().zip(&target.slots).zip(offsets) {
                    let sources: Vec<usize> = terms.iter().map(|&slot| self.place(target.planes, slot)).collect();
                    let (target, inside) = (self.place(target.planes, to), &self.inside[target.planes]);
                    run(Sum { rows: self.rows, sources: &sources, target, offset, inside, relu: *relu });
                }
            }
            Step::Average { terms, target, shares } => {
                let mut shares = shares.repeat(self.layout.images);
                shares.resize(self.inside[target.planes].len(), 0.0);
                for (terms, &to) in terms.iter().zip(&target.slots) {
                    let terms = self.terms(target.planes, terms);
                    let (target, inside) = (self.place(target.planes, to), &self.inside[target.planes]);
                    run(Pooled::<true> { rows: self.rows, terms: &terms, target, shares: &shares, inside });
                }
            }
            Step::Largest { source, target, spare, stride, phases, taps } => {
                self.largest([source, target, spare], *stride, phases, taps);
            }
            Step::Shift { source, target } => {
                let distance = self.plan.planes[target.planes].distance(1, 1);
                for (&slot, &to) in source.slots.iter().zip(&target.slots) {
                    let terms = self.terms(source.planes, &[Term { slot, distance }]);
                    let (target, inside) = (self.place(target.planes, to), &self.inside[target.planes]);
                    run(Sum { rows: self.rows, sources: &terms, target, offset: 0.0, inside, relu: false });
                }
            }
            Step::Mean { source, target } => self.mean(source, target),
        }
    }

    fn fill(&self, place: usize, length: usize, number: f32) {
        self.rows[place..place + length].iter().for_each(|cell| cell.set(number));
    }

    fn lay(&self, target: &Rows) {
        let planes = self.plan.planes[target.planes];
        let (channels, [height, width]) = (target.slots.len(), self.plan.image);
        for (channel, place) in self.places(target).into_iter().enumerate() {
            self.fill(place, self.inside[target.planes].len(), 0.0);
            for image in 0..self.layout.images {
                let plane = &self.images[(image * channels + channel) * height * width..][..height * width];
                for (line, pixels) in plane.chunks_exact(width).enumerate() {
                    let start = place + image * planes.area() + line * planes.pitch();
                    self.rows[start..start + width].iter().zip(pixels).for_each(|(cell, &pixel)| cell.set(pixel));
                }
            }
        }
    }

    /// Copies of every `stride` lines and pixels of a row the one at a phase.
    fn pick(&self, (source, from): (usize, u32), (target, to): (usize, usize), [down, along]: [usize; 2], stride: usize) {
        let (source, target, from): (Planes, Planes, usize) =
            (self.plan.planes[source], self.plan.planes[target], self.place(source, from));
        let count = |phase: usize, there: usize, wanted: usize| there.saturating_sub(phase).div_ceil(stride).min(wanted);
        let (lines, pixels) = (count(down, source.height, target.height), count(along, source.width, target.width));
        for image in 0..self.layout.images {
            for line in 0..lines {
                let from = from + image * source.area() + (line * stride + down) * source.pitch() + along;
                let to = to + image * target.area() + line * target.pitch();
                for (pixel, cell) in self.rows[to..to + pixels].iter().enumerate() {
                    cell.set(self.rows[from + pixel * stride].get());
                }
            }
        }
    }

    fn scale(&self, (planes, slot): (usize, u32), to: u32, [from, factor, offset]: [f32; 3], relu: bool) {
        let (source, target, inside) = (self.place(planes, slot), self.place(planes, to), &self.inside[planes]);
        run(Scale { rows: self.rows, source, target, from, factor, offset, inside, relu });
    }

    fn batch_norm(&mut self, norm: &Norm, source: &Rows, target: &Rows, relu: bool) {
        let planes = self.plan.planes[source.planes];
        let count = self.layout.images * planes.height * planes.width;
        for (channel, (&from, &to)) in source.slots.iter().zip(&target.slots).enumerate() {
            let moments = Moments { rows: self.rows, source: self.place(source.planes, from), inside: &self.inside[source.planes], count };
            let [of_mean, of_variance] = run(moments);
            let Normalise::Batch { values, epsilon, mean, variance } = &mut self.normalise else { return };
            let place = norm.statistics.start + channel;
            (mean[place], variance[place]) = (of_mean, of_variance);
            let factor = f64::from(values.parameters[norm.scale.start + channel]) / (f64::from(of_variance) + *epsilon).sqrt();
            // The mean is taken away first: far from zero, what is left of the numbers would be lost otherwise.
            let offset = values.parameters[norm.shift.start + channel];
            self.scale((source.planes, from), to, [of_mean, factor as f32, offset], relu);
        }
    }

    fn largest(&self, [source, target, spare]: [&Rows; 3], stride: usize, phases: &[[usize; 2]], taps: &[(usize, isize)]) {
        let row = self.plan.planes[target.planes].row(self.layout.images);
        let inside = &self.inside[target.planes];
        let place = |phase: usize| self.place(spare.planes, spare.slots[phase]);
        let terms: Vec<usize> = taps.iter().map(|&(phase, distance)| place(phase).strict_add_signed(distance)).collect();
        spare.slots.iter().for_each(|&slot| self.fill(self.layout.row(spare.planes, slot), row, f32::NEG_INFINITY));
        for (&from, &to) in source.slots.iter().zip(&target.slots) {
            for (phase, &of) in phases.iter().enumerate() {
                if stride == 1 {
                    run(Walled { rows: self.rows, source: self.place(source.planes, from), target: place(phase), inside });
                } else {
                    // What lies outside of the map stays as it was filled: every channel has its pixels at the same places.
                    self.pick((source.planes, from), (target.planes, place(phase)), of, stride);
                }
            }
            run(Pooled::<false> { rows: self.rows, terms: &terms, target: self.place(target.planes, to), shares: &[], inside });
        }
    }

    fn mean(&self, source: &Rows, target: &Rows) {
        let (from, to) = (self.plan.planes[source.planes], self.plan.planes[target.planes]);
        let share = 1.0 / (from.height * from.width) as f32;
        for (source, target) in self.places(source).into_iter().zip(self.places(target)) {
            self.fill(target, to.places(self.layout.images), 0.0);
            for image in 0..self.layout.images {
                let plane = &self.rows[source + image * from.area()..][..from.area()];
                self.rows[target + image * to.area()].set(plane.iter().map(Cell::get).sum::<f32>() * share);
            }
        }
    }

    fn logits(&self) -> Vec<f32> {
        let area = self.plan.planes[self.plan.logits.planes].area();
        let classes = self.places(&self.plan.logits);
        let logits = (0..self.layout.images).flat_map(|image| classes.iter().map(move |class| class + image * area));
        logits.map(|place| self.rows[place].get()).collect()
    }
}
