//! Devices that other machines serve: how they are named, and how they are reached.

use super::devices::{DeviceError, OpenDevice};
use crate::run::readable;
use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

/// What the name of such a device begins with.
pub const PREFIX: &str = "remote:";

/// Where a device is served: `remote:<id>@<host>:<port>`, behind it `/<index>` where the server has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The server's public key, 64 hexadecimal digits. No other server can pass for it.
    pub id: String,
    /// Host and port.
    pub place: String,
    /// Which of the devices of the server.
    pub index: usize,
}

impl FromStr for Address {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let read = || {
            let (id, rest) = text.strip_prefix(PREFIX)?.split_once('@')?;
            let (place, index) = rest.split_once('/').unwrap_or((rest, "0"));
            let (host, port) = place.rsplit_once(':')?;
            let is_key = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_place = !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
            let index = index.parse().ok()?;
            (is_key && is_place).then(|| Self { id: id.to_lowercase(), place: place.to_owned(), index })
        };
        read().ok_or_else(|| DeviceError::Unknown { text: text.escape_debug().to_string() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}@{}", self.id, self.place)?;
        if self.index > 0 { write!(f, "/{}", self.index) } else { Ok(()) }
    }
}

impl Address {
    /// As a person reads it: where it is, with the beginning of the key.
    #[must_use]
    pub fn label(&self) -> String {
        readable(&self.to_string())
    }
}

/// What this program shows to servers.
static TOKEN: RwLock<String> = RwLock::new(String::new());

/// Shows servers this token from here on.
pub fn present(token: String) {
    *TOKEN.write().unwrap_or_else(PoisonError::into_inner) = token;
}

/// Connects to a device.
///
/// # Errors
/// [`DeviceError`] where nobody serves it there, or not to us.
#[cfg(feature = "remote")]
pub(super) fn connect(address: &Address) -> Result<OpenDevice, DeviceError> {
    use burn::tensor::Device;
    use burn::tensor::remote::{ConnectError, EndpointId, IrohHost, IrohRelays, RemoteHost};
    use std::net::ToSocketAddrs as _;
    let unreachable = |reason: String, remedy| DeviceError::Unreachable { device: address.label(), reason, remedy };
    let id: EndpointId = address.id.parse().map_err(|error| {
        unreachable(format!("`{}` is no key ({error})", address.id), "take the line that `pgnas serve` prints on the other machine")
    })?;
    let places = address.place.to_socket_addrs();
    let places = places.map_err(|error| unreachable(format!("{} is not found ({error})", address.place), "check the name and the port"))?;
    // Without relays nothing of the traffic passes through machines of others, and nobody is asked where the server is.
    let host = places.fold(IrohHost::new(id).with_relays(IrohRelays::Disabled), IrohHost::with_address);
    let token = TOKEN.read().unwrap_or_else(PoisonError::into_inner).clone();
    let host = RemoteHost::iroh(host).with_credential(token.as_str());
    let opened = Device::remote_options(&host).device_index(address.index).init();
    let device = opened.map_err(|error| {
        let remedy = match &error {
            ConnectError::Unauthorized => "put its token into PGNAS_REMOTE_TOKEN, or into the file remote.token beside config.toml",
            ConnectError::NoSuchDevice { .. } => "take an index that `pgnas serve` told",
            ConnectError::IncompatibleProtocol { .. } => "run the same version of the program on both machines",
            _ => "see that `pgnas serve` runs there and that UDP reaches its port",
        };
        unreachable(error.to_string(), remedy)
    })?;
    Ok(OpenDevice { device, name: address.to_string(), is_cpu: false })
}

/// The same in a program that was built without it.
///
/// # Errors
/// Always.
#[cfg(not(feature = "remote"))]
pub(super) fn connect(address: &Address) -> Result<OpenDevice, DeviceError> {
    Err(DeviceError::NotBuilt { device: address.label(), feature: "remote", others: super::devices::others() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let id = "0123456789abcdef".repeat(4);
        for (text, place, index) in [
            (format!("remote:{id}@box:7447"), "box:7447", 0),
            (format!("remote:{id}@10.0.0.7:1/3"), "10.0.0.7:1", 3),
            (format!("remote:{id}@[::1]:65535"), "[::1]:65535", 0),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.place.as_str(), address.index, address.to_string()), (place, index, text));
            assert!(address.label().starts_with("remote:01234567@") && address.label().len() < 40);
        }
        let shouted: Address = format!("remote:{}@box:1", id.to_uppercase()).parse().unwrap();
        assert_eq!(shouted.id, id);
        for wrong in ["@box:1", "01@box:1", "ID@box", "ID@:1", "ID@box:0", "ID@box:70000", "ID@box:1/x", "ID", "IDf@box:1"] {
            let text = format!("remote:{}", wrong.replace("ID", &id));
            assert!(matches!(text.parse::<Address>(), Err(DeviceError::Unknown { .. })), "{text}");
        }
    }

    #[cfg(not(feature = "remote"))]
    #[test]
    fn a_program_without_the_feature_says_how_to_get_it() {
        let address = format!("remote:{}@box:1", "a".repeat(64)).parse().unwrap();
        let told = connect(&address).unwrap_err().to_string();
        assert!(told.starts_with("device remote:aaaaaaaa@box:1: ") && told.contains("--features remote"), "{told}");
    }
}
