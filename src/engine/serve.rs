//! Serves devices of this machine to searches on others.

use super::fleet::Fleet;
use burn::server::{BURN_REMOTE_ALPN, IrohIdentity, RemoteServer, TokenAuthorizer};
use iroh::endpoint::{Endpoint, RelayMode, presets};
use iroh::protocol::Router;
use std::net::SocketAddr;
use std::path::Path;
use tokio::runtime::Runtime;

/// Why devices cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The key of the server cannot be had.
    #[error("{path}: the server's key cannot be read or written ({error}); remove the file for a new key, which clients need the id of")]
    Key {
        /// Its file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A token that everybody knows.
    #[error("the token is empty; remove its file for a new one")]
    Token,
    /// The place cannot be listened at.
    #[error("{place}: it cannot be listened at ({error}); take another port, or an address of this machine")]
    Listen {
        /// Where.
        place: SocketAddr,
        /// Why.
        error: String,
    },
    /// Devices that one server cannot have.
    #[error("{devices} cannot be served ({error}); serve local devices of one kind, and other ones by another `pgnas serve`")]
    Devices {
        /// Which.
        devices: String,
        /// Why.
        error: String,
    },
    /// The system gives no threads.
    #[error("the server needs threads of its own and the system gives none: {0}; end other programs and try again")]
    Threads(std::io::Error),
}

/// A token that nobody can guess.
#[must_use]
pub fn fresh_token() -> String {
    IrohIdentity::random().to_bytes().iter().fold(String::new(), |token, byte| token + &format!("{byte:02x}"))
}

/// A server at work, until it is dropped.
#[derive(Debug)]
pub struct Serving {
    id: String,
    place: SocketAddr,
    router: Option<Router>,
    runtime: Runtime,
}

impl Serving {
    /// Serves devices at one address and nowhere else, to whom has the token. What travels is encrypted; a client knows the server by its
    /// key, which is kept in a file.
    ///
    /// # Errors
    /// [`ServeError`] with what is in the way.
    pub fn start(fleet: &Fleet, place: SocketAddr, key: &Path, token: &str) -> Result<Self, ServeError> {
        let path = || key.display().to_string();
        let identity = IrohIdentity::load_or_create(key).map_err(|error| ServeError::Key { path: path(), error })?;
        let authorizer = TokenAuthorizer::new(token).map_err(|_| ServeError::Token)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::Threads)?;
        let listen = |error: String| ServeError::Listen { place, error };
        let _inside = runtime.enter();
        let endpoint = runtime.block_on(async {
            let builder = Endpoint::builder(presets::Minimal)
                .relay_mode(RelayMode::Disabled)
                .secret_key(iroh::SecretKey::from_bytes(&identity.to_bytes()))
                .alpns(vec![BURN_REMOTE_ALPN.to_vec()])
                .clear_ip_transports()
                .bind_addr(place)
                .map_err(|error| listen(error.to_string()))?;
            builder.bind().await.map_err(|error| listen(error.to_string()))
        })?;
        let bound = endpoint.bound_sockets().into_iter().next().unwrap_or(place);
        let server = RemoteServer::new(fleet.iter().map(|device| device.device.clone())).with_authorizer(authorizer);
        let devices = |error: &dyn std::fmt::Display| ServeError::Devices { devices: fleet.names(), error: error.to_string() };
        let protocol = server.into_protocol(&endpoint).map_err(|error| devices(&error))?;
        let router = Router::builder(endpoint).accept(BURN_REMOTE_ALPN, protocol).spawn();
        Ok(Self { id: identity.id().to_string(), place: bound, router: Some(router), runtime })
    }

    /// The server's public key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it listens.
    #[must_use]
    pub fn place(&self) -> SocketAddr {
        self.place
    }
}

impl Drop for Serving {
    /// Closes the connections, so that clients know at once.
    fn drop(&mut self) {
        if let Some(router) = self.router.take()
            && let Err(error) = self.runtime.block_on(router.shutdown())
        {
            log::warn!("the server did not close its connections: {error}");
        }
    }
}
