//! What every channel carries under a mask, and which channels somebody reads.

use super::super::{Graph, Node, NodeId, Op};

/// What one channel of a node carries, whatever the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Zeros.
    Zero,
    /// One number at every position.
    Constant,
    /// Something that depends on the image or the position.
    Live,
}

use Content::{Constant, Live, Zero};

impl Content {
    fn sum(self, other: Self) -> Self {
        match (self, other) {
            (Live, _) | (_, Live) => Live,
            (Constant, _) | (_, Constant) => Constant,
            (Zero, Zero) => Zero,
        }
    }

    /// After a step that adds a number of its own.
    fn shifted(self) -> Self {
        self.sum(Constant)
    }
}

/// Contents and readers of all channels, `[nodes][channels]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Channels {
    /// What each channel carries.
    pub contents: Vec<Vec<Content>>,
    /// For masked nodes the keep bits of their input channels.
    pub keep: Vec<Option<Vec<bool>>>,
    /// The live channels that are read, in order: those that the sliced network computes.
    pub kept: Vec<Vec<usize>>,
}

impl Channels {
    pub fn of(graph: &Graph, keep: &[bool]) -> Self {
        let ids = (0..graph.nodes().len()).map(|index| NodeId(index as u32));
        let keep = ids.map(|id| graph.mask_range(id).map(|range| keep[range].to_vec())).collect();
        let mut channels = Self { contents: Vec::new(), keep, kept: vec![Vec::new(); graph.nodes().len()] };
        for (index, node) in graph.nodes().iter().enumerate() {
            let contents = channels.carries(index, node);
            channels.contents.push(contents);
        }
        channels.find_readers(graph);
        channels
    }

    /// What channel `channel` of the first input of a node carries behind the node's mask.
    pub fn gated(&self, index: usize, node: &Node, channel: usize) -> Content {
        match &self.keep[index] {
            Some(keep) if !keep[channel] => Zero,
            _ => self.contents[node.inputs[0].index()][channel],
        }
    }

    /// The input channels that a node reads something from, behind its mask.
    pub fn read(&self, index: usize, node: &Node) -> Vec<usize> {
        let inputs = self.contents[node.inputs[0].index()].len();
        (0..inputs).filter(|&channel| self.gated(index, node, channel) != Zero).collect()
    }

    fn carries(&self, index: usize, node: &Node) -> Vec<Content> {
        let gated = |channel| self.gated(index, node, channel);
        let each = |of: &dyn Fn(usize) -> Content| (0..node.shape.channels).map(of).collect::<Vec<_>>();
        match &node.op {
            Op::Input => vec![Live; node.shape.channels],
            Op::Zero => vec![Zero; node.shape.channels],
            // Zero padding turns a constant into something that depends on the position.
            Op::Conv { groups, .. } => {
                let per_group = self.contents[node.inputs[0].index()].len() / groups;
                let reads = |group: usize| (group * per_group..(group + 1) * per_group).any(|channel| gated(channel) != Zero);
                each(&|filter| if reads(filter * groups / node.shape.channels) { Live } else { Zero })
            }
            Op::Shift => each(&|channel| if gated(channel) == Zero { Zero } else { Live }),
            Op::BatchNorm | Op::Offset => each(&|channel| gated(channel).shifted()),
            Op::Relu | Op::Pool { .. } | Op::Identity | Op::Shake { .. } | Op::DropPath { .. } | Op::GlobalAveragePool => each(&gated),
            Op::Add => each(&|channel| {
                let contents = node.inputs.iter().map(|input| self.contents[input.index()][channel]);
                contents.fold(Zero, Content::sum)
            }),
            Op::Concat => node.inputs.iter().flat_map(|input| self.contents[input.index()].clone()).collect(),
            Op::Arrange { channels } => channels.iter().map(|&channel| channel.map_or(Zero, |channel| gated(channel as usize))).collect(),
            Op::Linear { .. } => {
                let inputs = 0..self.contents[node.inputs[0].index()].len();
                vec![inputs.map(gated).fold(Constant, Content::sum); node.shape.channels]
            }
        }
    }

    /// Walks back from the output and notes which live channels are read on the way.
    fn find_readers(&mut self, graph: &Graph) {
        let nodes = graph.nodes();
        let mut wanted: Vec<Vec<bool>> = nodes.iter().map(|node| vec![false; node.shape.channels]).collect();
        if let Some(last) = wanted.last_mut() {
            last.fill(true);
        }
        wanted[0].fill(true);
        for (index, node) in nodes.iter().enumerate().rev() {
            let filters_per_group = match node.op {
                // Whole groups or none: what is left has to be a grouped convolution again.
                Op::Conv { groups, .. } if groups > 1 => node.shape.channels / groups,
                _ => 1,
            };
            let contents = &self.contents[index];
            let live = |channel: &usize| {
                let group = channel / filters_per_group * filters_per_group;
                contents[*channel] == Live && wanted[index][group..group + filters_per_group].contains(&true)
            };
            let kept: Vec<usize> = (0..node.shape.channels).filter(live).collect();
            for (input, channel) in self.needs(index, node, &kept) {
                wanted[input.index()][channel] = true;
            }
            self.kept[index] = kept;
        }
    }

    /// What must be known of the inputs to compute some channels of a node.
    fn needs(&self, index: usize, node: &Node, kept: &[usize]) -> Vec<(NodeId, usize)> {
        let Some(&first) = node.inputs.first() else { return Vec::new() };
        let of_first = |channels: Vec<usize>| channels.into_iter().map(|channel| (first, channel)).collect();
        match &node.op {
            _ if kept.is_empty() => Vec::new(),
            Op::Conv { groups, .. } => {
                let (per_group, filters) = (self.contents[first.index()].len() / groups, node.shape.channels / groups);
                let group_kept = |group: usize| kept.iter().any(|filter| filter / filters == group);
                of_first(self.read(index, node).into_iter().filter(|channel| group_kept(channel / per_group)).collect())
            }
            Op::Linear { .. } => of_first(self.read(index, node)),
            Op::Add => node.inputs.iter().flat_map(|&input| kept.iter().map(move |&channel| (input, channel))).collect(),
            Op::Concat => {
                let channels = node.inputs.iter().flat_map(|&input| (0..self.contents[input.index()].len()).map(move |c| (input, c)));
                let channels: Vec<_> = channels.collect();
                kept.iter().map(|&channel| channels[channel]).collect()
            }
            Op::Arrange { channels } => of_first(kept.iter().filter_map(|&channel| Some(channels[channel]? as usize)).collect()),
            _ => of_first(kept.to_vec()),
        }
    }
}
