//! The devices of a run: one that leads, and others beside it.

use super::devices::{self, Choice, DeviceError, OpenDevice};
use crate::graph::Graph;
use crate::run::Alert;

/// One device or several.
#[derive(Debug, Clone)]
pub struct Fleet {
    lead: OpenDevice,
    others: Vec<OpenDevice>,
}

impl From<OpenDevice> for Fleet {
    fn from(lead: OpenDevice) -> Self {
        Self::new(lead, Vec::new())
    }
}

impl Fleet {
    /// One that leads, and others.
    #[must_use]
    pub fn new(lead: OpenDevice, others: Vec<OpenDevice>) -> Self {
        Self { lead, others }
    }

    /// Opens the devices of a list such as `cuda:0,cuda:1`, the leading one first.
    ///
    /// # Errors
    /// [`DeviceError`] where one cannot be had, or stands there twice.
    pub fn open(list: &str) -> Result<(Self, Vec<Alert>), DeviceError> {
        let mut names = list.split(',').map(str::trim);
        let (lead, notice) = devices::open(&names.next().unwrap_or_default().parse::<Choice>()?)?;
        let (mut fleet, mut notices) = (Self::from(lead), Vec::from_iter(notice));
        for name in names {
            let (device, notice) = devices::open(&name.parse()?)?;
            if fleet.iter().any(|other| other.name == device.name) {
                return Err(DeviceError::Twice { device: device.name });
            }
            fleet.others.push(device);
            notices.extend(notice);
        }
        Ok((fleet, notices))
    }

    /// The device that leads: what is asked of one device is asked of it.
    #[must_use]
    pub fn lead(&self) -> &OpenDevice {
        &self.lead
    }

    /// Every device, the leading one first.
    pub fn iter(&self) -> impl Iterator<Item = &OpenDevice> {
        std::iter::once(&self.lead).chain(&self.others)
    }

    /// The devices that a super-network trains on beside the leading one: those of this machine that are of its kind. A step of training
    /// waits for each of them, so that a slower one, or one at the end of a line, would hold up the others.
    pub fn training_beside_lead(&self) -> impl Iterator<Item = &OpenDevice> {
        let may = |device: &&OpenDevice| device.kind() == self.lead.kind() && !device.is_remote();
        self.others.iter().filter(may)
    }

    /// What to say of devices on which the training of a network at this batch may not fit: each holds its share of a batch.
    #[must_use]
    pub fn too_small_for(&self, graph: &Graph, batch: usize) -> Vec<Alert> {
        let training: Vec<&OpenDevice> = std::iter::once(&self.lead).chain(self.training_beside_lead()).collect();
        let share = batch.div_ceil(training.len());
        training.into_iter().filter_map(|device| device.too_small_for(graph.training_bytes(share), share)).collect()
    }

    /// The names, separated by commas, as [`Self::open`] reads them.
    #[must_use]
    pub fn names(&self) -> String {
        self.iter().map(|device| device.name.as_str()).collect::<Vec<_>>().join(",")
    }

    /// The devices as a person reads them, such as `cuda:0, cpu ×2`.
    #[must_use]
    pub fn label(&self) -> String {
        self.iter().map(OpenDevice::label).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> OpenDevice {
        OpenDevice { name: name.into(), is_cpu: name == "cpu", ..devices::cpu() }
    }

    #[test]
    fn a_list_is_read_in_its_order_and_no_device_stands_there_twice() {
        let (fleet, notices) = Fleet::open("cpu").unwrap();
        assert_eq!((fleet.names().as_str(), fleet.iter().count(), notices.len()), ("cpu", 1, 0));
        for list in ["cpu,cpu", "cpu, cpu"] {
            let told = Fleet::open(list).unwrap_err().to_string();
            assert!(told.contains("device cpu") && told.contains("twice"), "{told}");
        }
        for list in ["", "cpu,", "cpu,gpu"] {
            assert!(matches!(Fleet::open(list), Err(DeviceError::Unknown { .. })), "{list}");
        }
    }

    #[test]
    fn devices_of_the_kind_of_the_first_on_this_machine_train() {
        let trains = |names: &[&str]| {
            let mut all = names.iter().map(|name| named(name));
            let fleet = Fleet::new(all.next().unwrap(), all.collect());
            fleet.training_beside_lead().map(|device| device.name.clone()).collect::<Vec<_>>()
        };
        let remote = format!("remote:{}@box:7447", "0".repeat(64));
        assert_eq!(trains(&["cuda:0", "cpu", "cuda:1", &remote]), ["cuda:1"]);
        assert!(trains(&[&remote, "cuda:0", &remote.replace("box", "other")]).is_empty());
        assert!(trains(&["cpu", "cuda:0"]).is_empty());
    }
}
