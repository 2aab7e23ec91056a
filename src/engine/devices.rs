//! Devices: what this program can compute on, chosen at run time and probed before anything is opened.

use super::EngineError;
use super::guard::guarded;
use super::kernels::memory;
use super::remote::{self, Address};
use crate::preset::Precision;
use crate::run::{Alert, AlertKind, readable, resources};
use burn::tensor::{Device, FloatDType, Tensor};
use std::process::{Command, Stdio};
use std::str::FromStr;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A CUDA device where there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by index.
    Cuda(usize),
    /// The best device that wgpu finds.
    Wgpu,
    /// A device that another machine serves.
    Remote(Address),
}

impl FromStr for Choice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "wgpu" => Ok(Self::Wgpu),
            _ if text.starts_with(remote::PREFIX) => text.parse().map(Self::Remote),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| DeviceError::Unknown { text: text.escape_debug().to_string() }),
        }
    }
}

/// Why a device cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Not the name of a device.
    #[error("device `{text}` is not known; take auto, cpu, cuda, cuda:<index>, wgpu or remote:<id>@<host>:<port>")]
    Unknown {
        /// What was asked for.
        text: String,
    },
    /// It stands in a list twice.
    #[error("device {device} stands in the list twice; name each once")]
    Twice {
        /// Which one.
        device: String,
    },
    /// Another machine does not serve it.
    #[error("device {device}: {reason}; {remedy}")]
    Unreachable {
        /// What was asked for.
        device: String,
        /// Why.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The program was built without it.
    #[error("device {device}: this program was built without it; build with `--features {feature}`, or take {others}")]
    NotBuilt {
        /// What was asked for.
        device: String,
        /// The feature that adds it.
        feature: &'static str,
        /// What there is.
        others: String,
    },
    /// No such device on this machine.
    #[error("device {device}: {missing}; there {are} {others}", are = if others.contains(',') { "are" } else { "is" })]
    Absent {
        /// What was asked for.
        device: String,
        /// What is missing.
        missing: String,
        /// What there is.
        others: String,
    },
}

/// A device that can be computed on.
#[derive(Debug, Clone)]
pub struct OpenDevice {
    /// The device, without autodiff.
    pub device: Device,
    /// Its kind, such as `cpu` or `cuda:0`: the same on every machine, for the log.
    pub name: String,
    /// Whether it is the CPU, where reading a number back costs nothing.
    pub is_cpu: bool,
}

impl OpenDevice {
    /// The device as a person reads it: the CPU with its threads, such as `cpu ×2`, and one that another machine serves without its key.
    #[must_use]
    pub fn label(&self) -> String {
        if self.is_cpu { format!("{} ×{}", self.name, rayon::current_num_threads()) } else { readable(&self.name) }
    }

    /// Its kind without an index, such as `cuda`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.name.split(':').next().unwrap_or_default()
    }

    /// Whether another machine serves it.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.name.starts_with(remote::PREFIX)
    }

    /// Bytes of images that it keeps at most. The CPU has what the host has, so nothing is kept there twice; a CUDA device takes all of CIFAR-10 with room
    /// to spare; of the others, a buffer of so many bytes is all that every one of them has to offer.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        if self.is_cpu {
            0
        } else if self.name.starts_with("cuda") {
            1 << 30
        } else {
            128 << 20
        }
    }

    /// Bytes of memory that it has left, where somebody tells: the system for the CPU, the driver's own tool for CUDA devices.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        if self.is_cpu {
            return resources::available_bytes();
        }
        let index = self.name.strip_prefix("cuda:")?;
        let mut command = Command::new("nvidia-smi");
        command.args(["--query-gpu=memory.free", "--format=csv,noheader,nounits", "--id", index]).stdin(Stdio::null());
        let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
        mebibytes(&String::from_utf8_lossy(&output.stdout))
    }

    /// Whether a training can be computed in a precision here.
    ///
    /// # Errors
    /// [`EngineError::Precision`] where it cannot.
    pub fn check(&self, precision: Precision) -> Result<(), EngineError> {
        let has = || guarded(|| self.device.supports_dtype(FloatDType::BF16)).unwrap_or(false);
        if precision == Precision::F32 || has() { Ok(()) } else { Err(EngineError::Precision { device: self.label(), precision }) }
    }

    /// Whether it takes products of matrices of `f32` in TF32, which keeps 10 bits of each factor behind the first: found out by one. `None`
    /// where it does not answer.
    #[must_use]
    pub fn rounds_to_tf32(&self) -> Option<bool> {
        const SIDE: usize = 32;
        if self.is_cpu {
            return Some(false);
        }
        // More than 1 by a quarter of the least that TF32 can tell.
        let value = 1.0 + f32::EPSILON * 2048.0;
        let product = guarded(|| {
            let rows: Tensor<2> = Tensor::full([SIDE; 2], value, &self.device);
            rows.matmul(Tensor::eye(SIDE, &self.device)).into_data().iter::<f32>().collect::<Vec<_>>()
        });
        product.ok().map(|numbers| numbers.iter().any(|number| number.to_bits() != value.to_bits()))
    }

    /// What to say before a training of so many bytes and this batch starts, where it may not fit.
    #[must_use]
    pub fn too_small_for(&self, needed: usize, batch: usize) -> Option<Alert> {
        does_not_fit(&self.name, self.free_bytes()?, needed as u64, batch)
    }
}

/// The first number of a text, which counts MiB, in bytes.
fn mebibytes(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1 << 20)
}

fn does_not_fit(device: &str, free: u64, needed: u64, batch: usize) -> Option<Alert> {
    let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
    (needed > free).then(|| Alert {
        kind: AlertKind::Device,
        message: format!(
            "training at a train.batch of {batch} is estimated to take {} MB, and {device} has {} MB left: it may run out of memory; a smaller \
             train.batch takes less",
            megabytes(needed),
            megabytes(free)
        ),
    })
}

/// One row of `pgnas doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The name to ask for it by.
    pub name: String,
    /// Whether it can be had now.
    pub available: bool,
    /// What it is, or what is missing.
    pub note: String,
}

/// Opens a device. A device that was only hoped for (`auto`) and is not there becomes the CPU.
///
/// # Errors
/// [`DeviceError`] where a device that was asked for by name cannot be had.
pub fn open(choice: &Choice) -> Result<(OpenDevice, Option<Alert>), DeviceError> {
    match choice {
        Choice::Cpu => Ok((cpu(), None)),
        Choice::Auto => match cuda(0) {
            Ok(device) => Ok((device, None)),
            Err(DeviceError::NotBuilt { .. }) => Ok((cpu(), None)),
            Err(error) => {
                let message = format!("no CUDA device ({error}); computing on the CPU");
                Ok((cpu(), Some(Alert { kind: AlertKind::Device, message })))
            }
        },
        Choice::Cuda(index) => cuda(*index).map(|device| (device, None)),
        Choice::Wgpu => wgpu().map(|device| (device, None)),
        Choice::Remote(address) => remote::connect(address).map(|device| (device, None)),
    }
}

/// Every kind of device with its state. Probes, but computes nothing.
#[must_use]
pub fn list() -> Vec<DeviceInfo> {
    let row = |name: &str, opened: Result<OpenDevice, DeviceError>, note: &str| DeviceInfo {
        name: name.to_owned(),
        available: opened.is_ok(),
        note: match opened {
            Ok(_) => note.to_owned(),
            Err(DeviceError::NotBuilt { feature, .. }) => format!("not in this program; build with `--features {feature}`"),
            Err(DeviceError::Absent { missing, .. }) => missing,
            Err(error) => error.to_string(),
        },
    };
    let threads = format!("{} threads", rayon::current_num_threads());
    vec![row("cpu", Ok(cpu()), &threads), row("cuda", cuda(0), "CUDA device 0"), row("wgpu", wgpu(), "by wgpu")]
}

/// Whether a device is the CPU.
#[must_use]
pub fn is_cpu(device: &Device) -> bool {
    *device == Device::flex()
}

/// The CPU, which is always there.
#[must_use]
pub fn cpu() -> OpenDevice {
    memory::keep();
    OpenDevice { device: Device::flex(), name: "cpu".into(), is_cpu: true }
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<OpenDevice, DeviceError> {
    use burn::tensor::DeviceType;
    // Enumerating is safe without a driver; opening is not.
    let found = Device::enumerate(DeviceType::Cuda).into_vec();
    let name = format!("cuda:{index}");
    match found.into_iter().nth(index) {
        Some(device) => Ok(OpenDevice { device, name, is_cpu: false }),
        None => Err(DeviceError::Absent {
            device: name,
            missing: "no NVIDIA driver, or no GPU of this index; `nvidia-smi` lists them".into(),
            others: "cpu".into(),
        }),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(index: usize) -> Result<OpenDevice, DeviceError> {
    Err(DeviceError::NotBuilt { device: format!("cuda:{index}"), feature: "cuda", others: others() })
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<OpenDevice, DeviceError> {
    use burn::tensor::DeviceType;
    match Device::enumerate(DeviceType::Wgpu).into_vec().into_iter().next() {
        Some(device) => Ok(OpenDevice { device, name: "wgpu".into(), is_cpu: false }),
        None => Err(DeviceError::Absent {
            device: "wgpu".into(),
            missing: "no Vulkan, Metal or DirectX device; install a driver, or Mesa's lavapipe for a software device".into(),
            others: "cpu".into(),
        }),
    }
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<OpenDevice, DeviceError> {
    Err(DeviceError::NotBuilt { device: "wgpu".into(), feature: "wgpu", others: others() })
}

#[cfg(any(not(feature = "cuda"), not(feature = "wgpu"), not(feature = "remote")))]
pub(super) fn others() -> String {
    "cpu".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_that_may_not_fit_is_told_with_its_numbers() {
        assert_eq!((mebibytes("81079\n"), mebibytes(" 1 \n2\n")), (Some(81079 << 20), Some(1 << 20)));
        assert_eq!((mebibytes("[N/A]\n"), mebibytes(""), mebibytes("99999999999999999999")), (None, None, None));
        assert_eq!(does_not_fit("cuda:0", 2_000_000, 2_000_000, 64), None);
        let told = does_not_fit("cuda:0", 1_500_000, 2_000_001, 64).unwrap().message;
        assert!(told.contains("train.batch of 64 is estimated to take 3 MB, and cuda:0 has 2 MB left"), "{told}");
        // A GPU whose memory nobody tells is no reason to say anything.
        let unknown = OpenDevice { name: "wgpu".into(), is_cpu: false, ..cpu() };
        assert_eq!((unknown.free_bytes(), unknown.too_small_for(usize::MAX, 64)), (None, None));
        if cfg!(target_os = "linux") {
            assert!(cpu().too_small_for(usize::MAX, 64).is_some() && cpu().too_small_for(1, 64).is_none());
        }
    }

    #[test]
    fn choices_read_and_others_are_refused_with_the_words_to_use() {
        assert_eq!("cuda:3".parse(), Ok(Choice::Cuda(3)));
        assert_eq!("cuda".parse(), Ok(Choice::Cuda(0)));
        assert!(is_cpu(&cpu().device));
        let error = "gpu".parse::<Choice>().unwrap_err().to_string();
        assert!(error.contains("`gpu`") && error.contains("cuda:<index>"));
    }

    #[test]
    fn what_a_device_computes_in_is_found_out_by_asking_it() {
        // The CPU, asked as if it were a GPU.
        let asked = OpenDevice { is_cpu: false, ..cpu() };
        assert_eq!((cpu().rounds_to_tf32(), asked.rounds_to_tf32()), (Some(false), Some(false)));
        assert!(cpu().check(Precision::F32).is_ok() && cpu().check(Precision::Bf16).is_ok());
        let told = EngineError::Precision { device: "wgpu".into(), precision: Precision::Bf16 }.to_string();
        assert!(
            told.starts_with("device wgpu does not compute in bf16, which train.precision asks for; take train.precision=f32"),
            "{told}"
        );
    }

    #[test]
    fn auto_always_finds_something() {
        assert!(open(&Choice::Auto).is_ok());
        assert!(list().iter().any(|row| row.name == "cpu" && row.available));
    }
}
