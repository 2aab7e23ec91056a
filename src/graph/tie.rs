//! What a preset may choose about the mask groups of a family: blocks that have none, and groups that share one drop probability.

use super::{Graph, MaskGroup, MaskGroupId, Operation};
use std::collections::HashMap;

/// What keeps blocks from being exempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExemptError {
    /// No block goes by the name.
    #[error("no mask group stands in `{name}`; there are {known}, and the parts of these before a point")]
    NoBlock {
        /// The name.
        name: String,
        /// All blocks.
        known: String,
    },
    /// Nothing would be left to decide.
    #[error("no mask group is left; exempt fewer blocks")]
    Nothing,
}

impl Graph {
    /// The same network without masks in some blocks, each told by its name or by the first parts of it: `stem`, `stage1`,
    /// `stage1.block2`.
    ///
    /// # Errors
    /// [`ExemptError`] for a name that no block has, and where no group is left.
    pub fn exempt(mut self, blocks: &[String]) -> Result<Self, ExemptError> {
        let within = |group: &MaskGroup, name: &str| {
            group.place.block.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if let Some(name) = blocks.iter().find(|name| !self.groups.iter().any(|group| within(group, name))) {
            let mut known: Vec<&str> = self.groups.iter().map(|group| group.place.block.as_str()).collect();
            known.dedup();
            return Err(ExemptError::NoBlock { name: name.clone(), known: known.join(", ") });
        }
        // The groups of a node stand in one block, so that a node keeps all of them or none.
        let groups = std::mem::take(&mut self.groups);
        self.nodes.iter_mut().for_each(|node| node.groups.clear());
        self.masked_channels = 0;
        for mut group in groups {
            if blocks.iter().any(|name| within(&group, name)) {
                continue;
            }
            group.mask = self.masked_channels..self.masked_channels + group.channels();
            self.masked_channels = group.mask.end;
            self.nodes[group.node.index()].groups.push(MaskGroupId(self.groups.len() as u32));
            self.groups.push(group);
        }
        if self.groups.is_empty() { Err(ExemptError::Nothing) } else { Ok(self) }
    }

    /// For each group the drop probability that it shares with those of its layer: groups of one block and one operation share one where
    /// equally many masked nodes lie before them. This is the paper's "layer and kernel size": parallel kernels of one size are tied,
    /// one behind the other they are not.
    #[must_use]
    pub fn ties(&self) -> Vec<usize> {
        let mut depths = vec![0usize; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let before = node.inputs.iter().map(|input| depths[input.index()]).max().unwrap_or(0);
            depths[index] = before + usize::from(!node.groups.is_empty());
        }
        let mut known: HashMap<(&str, Operation, usize), usize> = HashMap::new();
        let ties = self.groups.iter().map(|group| {
            let next = known.len();
            *known.entry((group.place.block.as_str(), group.place.operation, depths[group.node.index()])).or_insert(next)
        });
        ties.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::families::Branches;
    use super::super::{Place, Shape};
    use super::*;

    fn supnet_m() -> Graph {
        let (input, stages) = (Shape::map(3, 32, 32), vec![96, 192, 384]);
        Branches { input, classes: 10, stem: 16, stem_stride: 1, stages, blocks: 4, branches: 2, mask_ends: true }.build().unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn exempt_blocks_have_no_masks_and_the_others_stay_as_they_are() {
        let whole = supnet_m();
        let graph = whole.clone().exempt(&names(&["stem", "head", "stage2.block1"])).unwrap();
        assert_eq!((graph.groups().len(), graph.cost()), (48, whole.cost()));
        assert_eq!(graph.masked_channels(), whole.masked_channels() - 3 - 384 - (2 * 96 + 2 * (96 + 192)));
        for (index, group) in graph.groups().iter().enumerate() {
            assert_eq!(graph.node(group.node).groups, [MaskGroupId::from_index(index)]);
            assert_eq!(graph.mask_range(group.node), Some(group.mask.clone()));
            let before: &MaskGroup = whole.groups().iter().find(|other| other.node == group.node).unwrap();
            assert_eq!((&before.place, &before.node_channels), (&group.place, &group.node_channels));
        }
        assert_eq!(whole.clone().exempt(&names(&["stage1"])).unwrap().groups().len(), 56 - 18);
        let message = whole.clone().exempt(&names(&["stage"])).unwrap_err().to_string();
        assert!(message.starts_with("no mask group stands in `stage`; there are stem, stage1.block1, "), "{message}");
        assert_eq!(whole.exempt(&names(&["stem", "head", "stage1", "stage2", "stage3"])), Err(ExemptError::Nothing));
    }

    #[test]
    fn parallel_kernels_of_one_size_share_a_probability() {
        let graph = supnet_m();
        let ties = graph.ties();
        // Stem, head, two layers in each of 12 blocks, one pair of skip paths in each of three.
        assert_eq!(ties.iter().max(), Some(&(2 + 24 + 3 - 1)));
        let of = |name: &str| {
            let position = graph.groups().iter().position(|group| graph.node(group.node).name == name).unwrap();
            let Place { block, operation, .. } = &graph.groups()[position].place;
            (ties[position], block.clone(), *operation)
        };
        assert_eq!(of("stage1.block2.branch0.conv1"), of("stage1.block2.branch1.conv1"));
        assert_eq!(of("stage2.block1.skip.path1"), of("stage2.block1.skip.path2"));
        assert_ne!(of("stage1.block2.branch0.conv1").0, of("stage1.block2.branch0.conv2").0);
        assert_ne!(of("stage1.block2.branch0.conv1").0, of("stage1.block3.branch0.conv1").0);
    }
}
