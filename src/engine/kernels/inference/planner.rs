//! A sliced graph as steps over rows: which row each channel takes, and what is done in one pass.
//!
//! A value is a list of rows, so that arranging and joining channels moves nothing. A convolution, the batch norm behind it and a ReLU
//! behind that are one step where nobody else reads what lies between. Of each row it is noted which steps need it; `layout.rs` makes
//! memory of that.

use super::plan::{Affine, Norm, Plan, Rows, Step, Term, ZERO};
use super::planes::{Planes, phase};
use crate::graph::{Graph, Node, NodeId, Op, PoolKind, padding, pool_padding};
use std::collections::HashMap;
use std::ops::Range;

impl Plan {
    /// A plan for a graph without masks.
    pub(super) fn of(graph: &Graph) -> Self {
        let nodes = graph.nodes();
        let mut planner = Planner::new(graph);
        for (index, node) in nodes.iter().enumerate() {
            if planner.wanted[index] && !planner.done[index] {
                planner.node(index, node);
            }
        }
        let logits = planner.values.pop().flatten().unwrap_or(Rows { planes: 0, slots: Vec::new() });
        let Planner { planes, statistics_total: statistics, steps, pools, .. } = planner;
        // What was never given back is there to the end: zeros and logits.
        let to_the_end = |row: Row| row.first..if row.holders == 0 { row.end } else { steps.len() };
        let rows = pools.into_iter().map(|pool| pool.rows.into_iter().map(to_the_end).collect()).collect();
        let shape = graph.input_shape();
        Self { planes, rows, steps, logits, statistics, image: [shape.height, shape.width] }
    }
}

/// A row while a plan is made.
struct Row {
    /// How many values hold it.
    holders: usize,
    /// The step that writes it first.
    first: usize,
    /// The first step behind the last that reads it, once none holds it.
    end: usize,
}

/// The rows of one size while a plan is made.
struct Pool {
    rows: Vec<Row>,
}

impl Pool {
    /// A row that the step to come writes.
    fn take(&mut self, steps: &[Step]) -> u32 {
        self.rows.push(Row { holders: 1, first: steps.len(), end: 0 });
        self.rows.len() as u32 - 1
    }

    fn hold(&mut self, slot: u32) {
        self.rows[slot as usize].holders += 1;
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    planes: Vec<Planes>,
    pools: Vec<Pool>,
    /// Whether the logits depend on a node.
    wanted: Vec<bool>,
    /// Whether a node was joined to an earlier one.
    done: Vec<bool>,
    /// Readers of each node that are still to come, and the last of them that was found.
    readers: Vec<usize>,
    reader: Vec<usize>,
    parameters: Vec<Vec<Range<usize>>>,
    statistics: Vec<Range<usize>>,
    statistics_total: usize,
    values: Vec<Option<Rows>>,
    steps: Vec<Step>,
}

impl<'a> Planner<'a> {
    fn new(graph: &'a Graph) -> Self {
        let nodes = graph.nodes();
        let mut wanted = vec![false; nodes.len()];
        wanted[nodes.len() - 1] = true;
        let (mut readers, mut reader) = (vec![0; nodes.len()], vec![0; nodes.len()]);
        for (index, node) in nodes.iter().enumerate().rev() {
            if wanted[index] {
                for input in &node.inputs {
                    wanted[input.index()] = true;
                    readers[input.index()] += 1;
                    reader[input.index()] = index;
                }
            }
        }
        // Whoever asks for the logits reads them.
        readers[nodes.len() - 1] += 1;
        let mut parameters = vec![Vec::new(); nodes.len()];
        for parameter in graph.parameters() {
            parameters[parameter.node.index()].push(parameter.range);
        }
        let mut total = 0;
        let channels = |node: &Node| if node.op == Op::BatchNorm { node.shape.channels } else { 0 };
        let statistics = nodes.iter().map(|node| {
            total += channels(node);
            total - channels(node)..total
        });
        let statistics = statistics.collect();
        let planes = sizes(graph);
        Self {
            graph,
            pools: planes.iter().map(|_| Pool { rows: vec![Row { holders: 1, first: 0, end: 0 }] }).collect(),
            planes,
            wanted,
            done: vec![false; nodes.len()],
            readers,
            reader,
            parameters,
            statistics,
            statistics_total: total,
            values: vec![None; nodes.len()],
            steps: Vec::new(),
        }
    }

    fn node(&mut self, index: usize, node: &Node) {
        match &node.op {
            Op::Input => {
                let target = self.fresh(index);
                self.steps.push(Step::Lay { target: target.clone() });
                self.keep(index, target);
            }
            Op::Zero => {
                let planes = self.planes_of(index);
                self.keep(index, Rows { planes, slots: vec![ZERO; node.shape.channels] });
            }
            Op::Identity | Op::DropPath { .. } => self.alias(index, node, |rows| rows[0].slots.clone()),
            Op::Concat => self.alias(index, node, |rows| rows.iter().flat_map(|rows| rows.slots.iter().copied()).collect()),
            Op::Arrange { channels } => {
                let slot = |rows: &[&Rows], channel: &Option<u32>| channel.map_or(ZERO, |channel| rows[0].slots[channel as usize]);
                self.alias(index, node, |rows| channels.iter().map(|channel| slot(rows, channel)).collect());
            }
            Op::Conv { kernel, stride, dilation, groups, .. } => {
                let before = padding(*kernel, *dilation)[0] as isize;
                let taps: Vec<[isize; 2]> = square(*kernel).map(|tap| tap.map(|tap| (tap * dilation) as isize - before)).collect();
                let weight = self.parameters[index][0].clone();
                self.convolve(index, node, &taps, *stride, *groups, weight, None);
            }
            Op::Linear { .. } => {
                let [weight, bias] = [0, 1].map(|which| self.parameters[index][which].clone());
                self.convolve(index, node, &[[0; 2]], 1, 1, weight, Some(bias));
            }
            Op::BatchNorm => self.affine(index, node, Affine::Norm(self.norm(index)), false),
            Op::Offset => self.affine(index, node, Affine::Offset(self.parameters[index][0].clone()), false),
            Op::Shake { of } => self.affine(index, node, Affine::Times(1.0 / *of as f32), false),
            Op::Relu => self.affine(index, node, Affine::Times(1.0), true),
            Op::Add => self.add(index, node),
            Op::Pool { kind, kernel, stride } => self.pool(index, node, *kind, *kernel, *stride),
            Op::Shift => self.pass(index, node, |source, target| Step::Shift { source, target }),
            Op::GlobalAveragePool => self.pass(index, node, |source, target| Step::Mean { source, target }),
        }
    }

    fn planes_of(&self, index: usize) -> usize {
        let shape = self.graph.nodes()[index].shape;
        let same = |planes: &Planes| (planes.height, planes.width) == (shape.height, shape.width);
        self.planes.iter().position(same).unwrap_or_default()
    }

    fn fresh(&mut self, index: usize) -> Rows {
        let planes = self.planes_of(index);
        let slots = (0..self.graph.nodes()[index].shape.channels).map(|_| self.pools[planes].take(&self.steps)).collect();
        Rows { planes, slots }
    }

    /// The rows of a node, which stay where they are.
    fn source(&self, id: NodeId) -> Rows {
        self.values[id.index()].clone().unwrap_or(Rows { planes: 0, slots: Vec::new() })
    }

    fn keep(&mut self, index: usize, rows: Rows) {
        self.values[index] = Some(rows);
    }

    /// Notes that a node has read its inputs: rows that nobody reads any more are free.
    fn has_read(&mut self, node: &Node) {
        for input in &node.inputs {
            let position = input.index();
            self.readers[position] -= 1;
            if self.readers[position] == 0
                && let Some(rows) = self.values[position].take()
            {
                self.free(&rows);
            }
        }
    }

    fn free(&mut self, rows: &Rows) {
        for &slot in rows.slots.iter().filter(|&&slot| slot != ZERO) {
            let row = &mut self.pools[rows.planes].rows[slot as usize];
            row.holders -= 1;
            row.end = self.steps.len();
        }
    }

    /// A value that is made of rows of others.
    fn alias(&mut self, index: usize, node: &Node, slots: impl Fn(&[&Rows]) -> Vec<u32>) {
        let sources: Vec<Rows> = node.inputs.iter().map(|&input| self.source(input)).collect();
        let slots = slots(&sources.iter().collect::<Vec<_>>());
        let planes = self.planes_of(index);
        for &slot in slots.iter().filter(|&&slot| slot != ZERO) {
            self.pools[planes].hold(slot);
        }
        self.keep(index, Rows { planes, slots });
        self.has_read(node);
    }

    fn pass(&mut self, index: usize, node: &Node, step: impl Fn(Rows, Rows) -> Step) {
        let (source, target) = (self.source(node.inputs[0]), self.fresh(index));
        self.steps.push(step(source, target.clone()));
        self.keep(index, target);
        self.has_read(node);
    }

    fn norm(&self, index: usize) -> Norm {
        let [scale, shift] = [0, 1].map(|which| self.parameters[index][which].clone());
        Norm { scale, shift, statistics: self.statistics[index].clone() }
    }

    /// The only reader of a node, where its operation is as wanted: it becomes part of the same step.
    fn joined(&mut self, index: usize, wanted: impl Fn(&Op) -> bool) -> Option<usize> {
        let reader = self.reader[index];
        let joins = self.readers[index] == 1 && reader > index && wanted(&self.graph.nodes()[reader].op);
        if joins {
            self.done[reader] = true;
        }
        joins.then_some(reader)
    }

    /// The rows that a window reads at a stride, with one term for each of `inputs` and taps.
    fn terms(&mut self, source: &Rows, target: usize, taps: &[[isize; 2]], stride: usize) -> (Vec<Vec<Term>>, Vec<Rows>) {
        let planes = self.planes[target];
        let mut split: HashMap<[usize; 2], Rows> = HashMap::new();
        let mut terms = vec![Vec::with_capacity(taps.len()); source.slots.len()];
        for tap in taps {
            let [(down, lines), (along, pixels)] = tap.map(|tap| phase(tap, stride));
            let distance = planes.distance(lines, pixels);
            if stride > 1 && !split.contains_key(&[down, along]) {
                let slots = source.slots.iter().map(|_| self.pools[target].take(&self.steps)).collect();
                let part = Rows { planes: target, slots };
                self.steps.push(Step::Split { source: source.clone(), target: part.clone(), phase: [down, along], stride });
                split.insert([down, along], part);
            }
            let rows = split.get(&[down, along]).unwrap_or(source);
            for (terms, &slot) in terms.iter_mut().zip(&rows.slots) {
                terms.push(Term { slot, distance });
            }
        }
        (terms, split.into_values().collect())
    }

    #[expect(clippy::too_many_arguments, reason = "a convolution and a linear layer differ in all of them")]
    fn convolve(
        &mut self,
        index: usize,
        node: &Node,
        taps: &[[isize; 2]],
        stride: usize,
        groups: usize,
        weight: Range<usize>,
        bias: Option<Range<usize>>,
    ) {
        let (source, target) = (self.source(node.inputs[0]), self.fresh(index));
        let (each, split) = self.terms(&source, target.planes, taps, stride);
        let of_group = each.len() / groups;
        let terms = (0..groups).map(|group| each[group * of_group..(group + 1) * of_group].concat()).collect();
        let mut last = index;
        let norm = if bias.is_none() { self.joined(last, |op| *op == Op::BatchNorm) } else { None };
        last = norm.unwrap_or(last);
        let norm = norm.map(|norm| self.norm(norm));
        let relu = self.joined(last, |op| *op == Op::Relu);
        last = relu.unwrap_or(last);
        self.steps.push(Step::Convolve { terms, target: target.clone(), weight, bias, norm, relu: relu.is_some() });
        self.keep(last, target);
        split.iter().for_each(|rows| self.free(rows));
        self.has_read(node);
    }

    fn affine(&mut self, index: usize, node: &Node, affine: Affine, relu: bool) {
        let joined = if relu { None } else { self.joined(index, |op| *op == Op::Relu) };
        let source = self.source(node.inputs[0]);
        let terms: Vec<Vec<u32>> = source.slots.iter().map(|&slot| vec![slot]).collect();
        let target = self.in_place(index, &node.inputs, &terms);
        self.steps.push(Step::Affine { source, target: target.clone(), affine, relu: relu || joined.is_some() });
        self.keep(joined.unwrap_or(index), target);
        self.has_read(node);
    }

    fn add(&mut self, index: usize, node: &Node) {
        let sources: Vec<Rows> = node.inputs.iter().map(|&input| self.source(input)).collect();
        let term = |channel: usize| sources.iter().map(|rows| rows.slots[channel]).filter(|&slot| slot != ZERO).collect();
        let terms: Vec<Vec<u32>> = (0..node.shape.channels).map(term).collect();
        let offset = self.joined(index, |op| *op == Op::Offset);
        let bias = offset.map(|offset| self.parameters[offset][0].clone());
        let relu = self.joined(offset.unwrap_or(index), |op| *op == Op::Relu);
        let target = self.in_place(index, &node.inputs, &terms);
        self.steps.push(Step::Add { terms, target: target.clone(), bias, relu: relu.is_some() });
        self.keep(relu.or(offset).unwrap_or(index), target);
        self.has_read(node);
    }

    /// Rows for what treats every place alike: of its own terms one that nobody reads afterwards, where there is one.
    fn in_place(&mut self, index: usize, inputs: &[NodeId], terms: &[Vec<u32>]) -> Rows {
        let planes = self.planes_of(index);
        let ends = |id: &NodeId| self.readers[id.index()] == inputs.iter().filter(|input| *input == id).count();
        let mut ending = vec![false; self.pools[planes].rows.len()];
        for rows in inputs.iter().filter(|id| ends(id)).filter_map(|id| self.values[id.index()].as_ref()) {
            rows.slots.iter().for_each(|&slot| ending[slot as usize] = slot != ZERO);
        }
        let (pool, steps) = (&mut self.pools[planes], &self.steps);
        let target = |terms: &Vec<u32>| {
            let own = terms.iter().copied().find(|&slot| ending[slot as usize] && pool.rows[slot as usize].holders == 1);
            match own {
                Some(slot) => {
                    pool.hold(slot);
                    slot
                }
                None => pool.take(steps),
            }
        };
        Rows { planes, slots: terms.iter().map(target).collect() }
    }

    fn pool(&mut self, index: usize, node: &Node, kind: PoolKind, kernel: usize, stride: usize) {
        let before = pool_padding(kernel) as isize;
        let taps: Vec<[isize; 2]> = square(kernel).map(|tap| tap.map(|tap| tap as isize - before)).collect();
        let (source, target) = (self.source(node.inputs[0]), self.fresh(index));
        let planes = self.planes[target.planes];
        match kind {
            PoolKind::Average => {
                let (terms, split) = self.terms(&source, target.planes, &taps, stride);
                let from = self.graph.node(node.inputs[0]).shape;
                let seen = |place: usize, size: usize| {
                    let pixels = (0..kernel).filter(|&tap| (0..size as isize).contains(&((place * stride + tap) as isize - before)));
                    pixels.count()
                };
                let mut shares = vec![0.0; planes.area()];
                for (line, shares) in shares.chunks_exact_mut(planes.pitch()).take(planes.height).enumerate() {
                    for (pixel, share) in shares[..planes.width].iter_mut().enumerate() {
                        *share = 1.0 / (seen(line, from.height) * seen(pixel, from.width)) as f32;
                    }
                }
                self.steps.push(Step::Average { terms, target: target.clone(), shares });
                split.iter().for_each(|rows| self.free(rows));
            }
            PoolKind::Max => {
                let mut phases = Vec::new();
                let mut of = |tap: &[isize; 2]| {
                    let [(down, lines), (along, pixels)] = tap.map(|tap| phase(tap, stride));
                    let known = phases.iter().position(|&known| known == [down, along]);
                    let place = known.unwrap_or_else(|| {
                        phases.push([down, along]);
                        phases.len() - 1
                    });
                    (place, planes.distance(lines, pixels))
                };
                let taps = taps.iter().map(&mut of).collect();
                let slots = phases.iter().map(|_| self.pools[target.planes].take(&self.steps)).collect();
                let spare = Rows { planes: target.planes, slots };
                self.steps.push(Step::Largest { source, target: target.clone(), spare: spare.clone(), stride, phases, taps });
                self.free(&spare);
            }
        }
        self.keep(index, target);
        self.has_read(node);
    }
}

/// The places of a square window, line after line.
fn square(side: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..side).flat_map(move |down| (0..side).map(move |along| [down, along]))
}

/// The sizes of planes in a graph, each with the border that its windows need.
fn sizes(graph: &Graph) -> Vec<Planes> {
    let mut planes: Vec<Planes> = Vec::new();
    for node in graph.nodes() {
        let (before, reach, stride) = match node.op {
            Op::Conv { kernel, stride, dilation, .. } => (padding(kernel, dilation)[0], dilation * (kernel - 1), stride),
            Op::Pool { kernel, stride, .. } => (pool_padding(kernel), kernel - 1, stride),
            Op::Shift => (0, 1, 1),
            _ => (0, 0, 1),
        };
        let farthest = |tap: isize| phase(tap, stride).1.unsigned_abs();
        let border = farthest(-(before as isize)).max(farthest(reach as isize - before as isize));
        let (height, width) = (node.shape.height, node.shape.width);
        match planes.iter_mut().find(|planes| (planes.height, planes.width) == (height, width)) {
            Some(planes) => planes.border = planes.border.max(border),
            None => planes.push(Planes { height, width, border }),
        }
    }
    planes
}
