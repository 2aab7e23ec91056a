//! Where candidates are judged: a device with the images that it asks them.

use super::super::devices::OpenDevice;
use super::super::fleet::Fleet;
use super::super::guard::guarded;
use super::super::pool::{Lost, Pool};
use super::super::ranker::{Examples, Ranker, recalibration_images};
use super::Search;
use crate::data::Splits;
use crate::graph::Graph;
use crate::posterior::statistics::{PIECES, race_order};
use crate::preset::Preset;
use crate::run::{Alert, AlertKind, Phase};
use std::sync::Arc;

/// A device that judges candidates.
#[derive(Debug)]
pub(super) struct Desk {
    /// Which of the desks it is: networks that one of them has made are of no use to another.
    pub(super) number: usize,
    pub(super) device: OpenDevice,
    pub(super) ranker: Ranker,
    pub(super) select: Examples,
}

impl Desk {
    fn new((number, device): (usize, &OpenDevice), graph: &Arc<Graph>, preset: &Preset, splits: &Splits, seed: u64) -> Self {
        let recalibration = recalibration_images(splits.train.images(), seed, preset.rank.recalibration_images);
        let select = splits.select.images();
        Self {
            number,
            ranker: Ranker::new(graph.clone(), recalibration, preset.train.batch_norm_epsilon, device.device.clone()),
            select: if preset.rank.racing {
                Examples::in_order(select, &race_order(select.len(), seed), PIECES, &device.device)
            } else {
                Examples::upload(select, &device.device)
            },
            device: device.clone(),
        }
    }
}

/// A desk for each device, and the devices that broke as theirs was set up.
pub(super) fn desks(fleet: &Fleet, graph: &Arc<Graph>, preset: &Preset, splits: &Splits, seed: u64) -> (Pool<Desk>, Vec<Lost>) {
    let set_up = |numbered| Desk::new(numbered, graph, preset, splits, seed);
    let lead = set_up((0, fleet.lead()));
    let mut desks = Pool::new(lead.device.label(), lead.ranker.at_once(), lead);
    let mut lost = Vec::new();
    for numbered in fleet.iter().enumerate().skip(1) {
        match guarded(|| set_up(numbered)) {
            Ok(desk) => desks.add(desk.device.label(), desk.ranker.at_once(), desk),
            Err(fault) => lost.push(Lost { device: numbered.1.label(), fault }),
        }
    }
    (desks, lost)
}

impl Search {
    /// Tells of devices that broke.
    pub(super) fn tell_lost(&mut self, lost: Vec<Lost>) {
        for Lost { device, fault } in lost {
            let doing = if self.phase == Phase::Preparing { "as it was set up" } else { "at its work" };
            let message = format!(
                "device {device} broke {doing}: {fault}; nothing is lost, the others do its part. `pgnas resume {}` asks it again",
                self.run
            );
            self.alert(Alert { kind: AlertKind::Device, message });
        }
    }
}
