//! Builds the sliced graph from what its channels carry.

use super::super::{Graph, GraphBuilder, GraphError, Node, NodeId, Op, PoolKind};
use super::Origin;
use super::channels::{Channels, Content};

/// The sliced graph and the origin of the parameters of each of its nodes.
pub(super) fn emit(whole: &Graph, channels: &Channels) -> Result<(Graph, Vec<Origin>), GraphError> {
    let (builder, input) = GraphBuilder::new(whole.input_shape());
    let mut emitter = Emitter { whole, channels, builder, input, origins: vec![Origin::Nothing], places: vec![None; whole.nodes().len()] };
    emitter.places[0] = Some(input);
    for (index, node) in whole.nodes().iter().enumerate().skip(1) {
        if !channels.kept[index].is_empty() {
            emitter.places[index] = Some(emitter.node(index, node)?);
        }
    }
    // The logits are all there, dead or alive.
    let last = NodeId(whole.nodes().len() as u32 - 1);
    let all: Vec<usize> = (0..whole.classes()).collect();
    let reader = &whole.node(last).name;
    let logits = emitter.read(&format!("{reader}-all"), last, &all, None, Constants::Filled)?;
    if logits.index() + 1 < emitter.origins.len() {
        emitter.add(reader, Op::Identity, &[logits], Origin::Nothing)?;
    }
    Ok((emitter.builder.finish(), emitter.origins))
}

/// What becomes of constant channels that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Constants {
    /// The reader sees their numbers.
    Filled,
    /// The reader sees zeros and accounts for them itself.
    Zeros,
}

struct Emitter<'a> {
    whole: &'a Graph,
    channels: &'a Channels,
    builder: GraphBuilder,
    input: NodeId,
    origins: Vec<Origin>,
    /// Where each node of the super-network is computed; what stands there has the kept channels of that node, in order.
    places: Vec<Option<NodeId>>,
}

impl Emitter<'_> {
    fn add(&mut self, name: &str, op: Op, inputs: &[NodeId], origin: Origin) -> Result<NodeId, GraphError> {
        let id = self.builder.add(name, op, inputs)?;
        self.origins.push(origin);
        Ok(id)
    }

    fn node(&mut self, index: usize, node: &Node) -> Result<NodeId, GraphError> {
        let id = NodeId(index as u32);
        let kept = self.channels.kept[index].clone();
        match &node.op {
            Op::Conv { kernel, stride, dilation, groups, .. } => {
                let (kernel, stride, dilation) = (*kernel, *stride, *dilation);
                let (groups, wanted, inputs) = if *groups == 1 {
                    let read = self.channels.read(index, node);
                    (1, read.clone(), read)
                } else {
                    let per_group = self.whole.node(node.inputs[0]).shape.channels / groups;
                    let filters = node.shape.channels / groups;
                    let kept_groups: Vec<usize> = kept.iter().step_by(filters).map(|filter| filter / filters).collect();
                    let wanted = kept_groups.iter().flat_map(|group| group * per_group..(group + 1) * per_group).collect();
                    (kept_groups.len(), wanted, (0..per_group).collect())
                };
                let source = self.read(&format!("{}-in", node.name), node.inputs[0], &wanted, Some(index), Constants::Filled)?;
                let op = Op::Conv { out_channels: kept.len(), kernel, stride, dilation, groups };
                self.add(&node.name, op, &[source], Origin::Conv { node: id, filters: kept, inputs })
            }
            Op::BatchNorm | Op::Offset => {
                let source = self.read_first(index, node, &kept)?;
                self.add(&node.name, node.op.clone(), &[source], Origin::PerChannel { node: id, channels: kept })
            }
            Op::Relu | Op::Pool { .. } | Op::Shift | Op::Shake { .. } | Op::GlobalAveragePool => {
                let source = self.read_first(index, node, &kept)?;
                self.add(&node.name, node.op.clone(), &[source], Origin::Nothing)
            }
            Op::Identity | Op::DropPath { .. } => self.read_first(index, node, &kept),
            Op::Arrange { channels } => {
                let wanted: Vec<usize> = kept.iter().filter_map(|&channel| Some(channels[channel]? as usize)).collect();
                self.read_first(index, node, &wanted)
            }
            Op::Add => self.sum(node, &kept),
            Op::Concat => self.concat(node, &kept),
            Op::Linear { .. } => {
                let read = self.channels.read(index, node);
                let inputs: Vec<usize> =
                    read.into_iter().filter(|&channel| self.channels.gated(index, node, channel) == Content::Live).collect();
                let source = self.read(&format!("{}-in", node.name), node.inputs[0], &inputs, Some(index), Constants::Filled)?;
                self.add(&node.name, Op::Linear { out_features: kept.len() }, &[source], Origin::Linear { node: id, outputs: kept, inputs })
            }
            Op::Input | Op::Zero => Ok(self.input),
        }
    }

    fn sum(&mut self, node: &Node, kept: &[usize]) -> Result<NodeId, GraphError> {
        let contents = &self.channels.contents;
        let live = |input: &NodeId| kept.iter().any(|&channel| contents[input.index()][channel] == Content::Live);
        let constant = |&channel: &usize| {
            let of = |input: &&NodeId| contents[input.index()][channel] == Content::Constant;
            node.inputs.iter().filter(of).map(|&input| (input, channel)).collect::<Vec<_>>()
        };
        let offsets: Vec<_> = kept.iter().map(constant).collect();
        let inputs: Vec<NodeId> = node.inputs.iter().copied().filter(live).collect();
        let mut terms = Vec::new();
        for (position, input) in inputs.into_iter().enumerate() {
            terms.push(self.read(&format!("{}-in{position}", node.name), input, kept, None, Constants::Zeros)?);
        }
        let has_offset = offsets.iter().any(|terms| !terms.is_empty());
        let sum = match terms[..] {
            [only] => only,
            _ => self.add(&node.name, Op::Add, &terms, Origin::Nothing)?,
        };
        if has_offset { self.add(&format!("{}.offset", node.name), Op::Offset, &[sum], Origin::Offset(offsets)) } else { Ok(sum) }
    }

    fn concat(&mut self, node: &Node, kept: &[usize]) -> Result<NodeId, GraphError> {
        let mut parts = Vec::new();
        let mut first = 0;
        for (position, &input) in node.inputs.iter().enumerate() {
            let width = self.channels.contents[input.index()].len();
            let own = kept.iter().filter(|&&channel| (first..first + width).contains(&channel)).map(|channel| channel - first);
            let own: Vec<usize> = own.collect();
            first += width;
            if !own.is_empty() {
                parts.push(self.read(&format!("{}-in{position}", node.name), input, &own, None, Constants::Filled)?);
            }
        }
        match parts[..] {
            [only] => Ok(only),
            _ => self.add(&node.name, Op::Concat, &parts, Origin::Nothing),
        }
    }

    fn read_first(&mut self, index: usize, node: &Node, wanted: &[usize]) -> Result<NodeId, GraphError> {
        self.read(&format!("{}-in", node.name), node.inputs[0], wanted, Some(index), Constants::Filled)
    }

    /// A node that has the wanted channels of `input`, in order, behind the mask of `reader` where there is one; `name` begins the
    /// names of what has to be put between.
    fn read(
        &mut self,
        name: &str,
        input: NodeId,
        wanted: &[usize],
        reader: Option<usize>,
        constants: Constants,
    ) -> Result<NodeId, GraphError> {
        let contents = &self.channels.contents[input.index()];
        let carried = |channel: usize| match reader {
            Some(reader) => self.channels.gated(reader, &self.whole.nodes()[reader], channel),
            None => contents[channel],
        };
        let kept = &self.channels.kept[input.index()];
        let position = |&channel: &usize| {
            let live = carried(channel) == Content::Live;
            live.then(|| kept.binary_search(&channel).ok()).flatten().map(|position| position as u32)
        };
        let positions: Vec<Option<u32>> = wanted.iter().map(position).collect();
        let constant = |&channel: &usize| {
            let filled = constants == Constants::Filled && carried(channel) == Content::Constant;
            filled.then_some((input, channel)).into_iter().collect::<Vec<_>>()
        };
        let offsets: Vec<_> = wanted.iter().map(constant).collect();
        let same = positions.len() == kept.len() && positions.iter().enumerate().all(|(place, &position)| position == Some(place as u32));
        let mut source = match self.places[input.index()] {
            Some(place) if same => place,
            Some(place) if positions.iter().any(Option::is_some) => {
                self.add(&format!("{name}.select"), Op::Arrange { channels: positions }, &[place], Origin::Nothing)?
            }
            _ => self.zeros(name, wanted.len(), input)?,
        };
        if offsets.iter().any(|terms| !terms.is_empty()) {
            source = self.add(&format!("{name}.constant"), Op::Offset, &[source], Origin::Offset(offsets))?;
        }
        Ok(source)
    }

    /// A map of zeros of the height and width of `input`, made from the image.
    fn zeros(&mut self, name: &str, channels: usize, input: NodeId) -> Result<NodeId, GraphError> {
        let (image, shape) = (self.whole.input_shape(), self.whole.node(input).shape);
        let none = self.add(&format!("{name}.zeros"), Op::Arrange { channels: vec![None; channels] }, &[self.input], Origin::Nothing)?;
        let fits = |stride: &usize| (image.height.div_ceil(*stride), image.width.div_ceil(*stride)) == (shape.height, shape.width);
        let strided = |stride| Op::Pool { kind: PoolKind::Average, kernel: 1, stride };
        match (1..=image.height.max(image.width)).find(fits) {
            Some(1) => Ok(none),
            Some(stride) => self.add(&format!("{name}.zeros.strided"), strided(stride), &[none], Origin::Nothing),
            // Windows that tile a map leave out what is over, and strides do not: the way there is gone once more.
            None => {
                let mut zeros = none;
                for (number, op) in self.way(input).into_iter().enumerate() {
                    zeros = self.add(&format!("{name}.zeros.strided{number}"), op, &[zeros], Origin::Nothing)?;
                }
                Ok(zeros)
            }
        }
    }

    /// What changes the height and width of the image on the way to a node, as pools.
    fn way(&self, mut node: NodeId) -> Vec<Op> {
        let mut way = Vec::new();
        while let Some(&before) = self.whole.node(node).inputs.first() {
            match self.whole.node(node).op {
                Op::Conv { stride, .. } if stride > 1 => way.push(Op::Pool { kind: PoolKind::Average, kernel: 1, stride }),
                Op::Pool { kernel, stride, .. } if stride > 1 => {
                    let kernel = if kernel.is_multiple_of(2) { kernel } else { 1 };
                    way.push(Op::Pool { kind: PoolKind::Average, kernel, stride });
                }
                Op::GlobalAveragePool => way.push(Op::GlobalAveragePool),
                _ => {}
            }
            node = before;
        }
        way.reverse();
        way
    }
}
