//! Where the servers are: a URL, which the redis crate parses.
//!
//! | URL | servers |
//! |---|---|
//! | `redis://user:password@host:port/db`, `rediss://`, `unix:///path` | one |
//! | `redis+sentinel://user:password@host:port,host:port/service/db` | the primary that these Sentinels name |
//! | `redis+cluster://user:password@host:port,host:port` | the nodes of a cluster, found from any of these |
//!
//! `rediss+sentinel://` and `rediss+cluster://` are the same over TLS, Sentinels included. Sentinels with a login of
//! their own get it from `?sentinel_username=…&sentinel_password=…`.

use std::sync::Arc;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};

use super::access::Access;
use super::engine::Durability;
use super::sentinel::Sentinels;
use super::tls::Tls;
use crate::clock::Micros;
use crate::error::StoreError;

/// How one connection finds its server.
pub enum Place {
    Server(ConnectionAddr),
    /// A cluster's node. A replica will do, because it knows the slots too.
    Node(ConnectionAddr),
    Sentinels(Arc<Sentinels>),
}

pub struct Target {
    pub place: Place,
    pub access: Arc<Access>,
}

/// Everything a URL names: one target, or the nodes by which a cluster is found.
pub struct Servers {
    pub targets: Vec<Arc<Target>>,
    pub is_cluster: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Sentinel,
    Cluster,
}

impl Servers {
    /// # Errors
    /// `Invalid` for a scheme, address or certificate that cannot be used. Passwords never appear in the text.
    pub fn new(
        url: &str,
        tls: Tls,
        connect_timeout: Micros,
        durability: Option<Durability>,
        refuses_eviction: bool,
    ) -> Result<Self, StoreError> {
        let scheme = scheme_of(url)?;
        let (kind, plain) = match scheme {
            "redis" | "rediss" | "unix" => (Kind::One, scheme),
            "redis+sentinel" => (Kind::Sentinel, "redis"),
            "rediss+sentinel" => (Kind::Sentinel, "rediss"),
            "redis+cluster" => (Kind::Cluster, "redis"),
            "rediss+cluster" => (Kind::Cluster, "rediss"),
            _ => {
                return Err(invalid(format!("url: '{scheme}:' is not a scheme this version knows; use {SCHEMES}")));
            }
        };
        let several = match kind {
            Kind::One => Several { infos: vec![parsed(url)?], sentinels: None },
            Kind::Sentinel | Kind::Cluster => Several::parse(plain, &url[scheme.len()..], kind)?,
        };
        let first = &several.infos[0];
        if tls.is_an_option() && !matches!(first.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err(invalid("tls: these options need a rediss:// url".into()));
        }
        let login = first.redis_settings().clone();
        let access = Arc::new(Access::new(login, connect_timeout, durability, refuses_eviction, tls)?);
        let mut addresses = several.infos.iter().map(|info| info.addr().clone());
        let target = |place| Arc::new(Target { place, access: Arc::clone(&access) });
        let targets = match (kind, several.sentinels) {
            (Kind::Sentinel, Some((service, login))) => {
                vec![target(Place::Sentinels(Arc::new(Sentinels::new(addresses.collect(), service, login))))]
            }
            (Kind::Cluster, _) => addresses.map(|address| target(Place::Node(address))).collect(),
            _ => addresses.by_ref().map(|address| target(Place::Server(address))).collect(),
        };
        Ok(Self { targets, is_cluster: kind == Kind::Cluster })
    }
}

const SCHEMES: &str =
    "redis://, rediss://, unix://, redis+sentinel://, redis+cluster:// (with rediss for TLS) or memory:";

/// The scheme, which is the only part of a URL that a message quotes: it must not be able to be a password.
fn scheme_of(url: &str) -> Result<&str, StoreError> {
    let is_scheme = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'));
    let (scheme, rest) = url
        .split_once("://")
        .filter(|(scheme, _)| !scheme.is_empty() && is_scheme(scheme))
        .ok_or_else(|| invalid(format!("url: it must begin with a scheme and '://'; use {SCHEMES}")))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // Only the path of a socket may have an `@`. In any other URL an `@` this late means that a password with a `/`, `?`
    // or `#` was cut in two, and that the second half would be taken for a path or a parameter.
    if scheme != "unix" && rest[authority.len()..].contains('@') {
        return Err(invalid("url: '/', '?', '#' and '@' in a user or password must be percent-encoded".into()));
    }
    Ok(scheme)
}

/// The same login for several addresses.
struct Several {
    infos: Vec<ConnectionInfo>,
    sentinels: Option<(String, RedisConnectionInfo)>,
}

impl Several {
    /// `rest` is the URL after its scheme.
    fn parse(plain: &str, rest: &str, kind: Kind) -> Result<Self, StoreError> {
        let rest = rest.strip_prefix("://").ok_or_else(|| invalid("url: '://' is missing after the scheme".into()))?;
        if rest.contains('#') {
            return Err(invalid("url: a fragment ('#…') has no meaning here".into()));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let (service, db) =
            if kind == Kind::Sentinel { path.split_once('/').unwrap_or((path, "")) } else { ("", path) };
        if kind == Kind::Sentinel && service.is_empty() {
            return Err(invalid(
                "url: the path must name the service that the Sentinels watch, for example …/mymaster".into(),
            ));
        }
        if kind == Kind::Cluster && !matches!(db, "" | "0") {
            return Err(invalid("url: a cluster has only one database, 0".into()));
        }
        let infos = hosts
            .split(',')
            .map(|host| {
                if host.is_empty() {
                    return Err(invalid("url: one of the hosts is empty".into()));
                }
                let has_port = host.rsplit(']').next().unwrap_or_default().contains(':');
                let port = if kind == Kind::Sentinel && !has_port { ":26379" } else { "" };
                parsed(&format!("{plain}://{user}{host}{port}/{db}"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut login = RedisConnectionInfo::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            login = match &*name {
                "sentinel_username" if kind == Kind::Sentinel => login.set_username(value),
                "sentinel_password" if kind == Kind::Sentinel => login.set_password(value),
                _ => return Err(invalid(PARAMETERS.into())),
            };
        }
        let sentinels = (kind == Kind::Sentinel).then(|| (service.to_owned(), login));
        Ok(Self { infos, sentinels })
    }
}

/// An unknown parameter may be half of a password, so the message does not quote it.
const PARAMETERS: &str = "url: it may have no parameters but, for Sentinels, sentinel_username and sentinel_password";

fn parsed(url: &str) -> Result<ConnectionInfo, StoreError> {
    let info = url.into_connection_info().map_err(|error| invalid(format!("url: {error}")))?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        return Err(invalid("url: #insecure would accept any certificate; give the server's CA as tls.ca".into()));
    }
    Ok(info)
}

impl Target {
    /// Another node of the same cluster, as a node names it: `host:port`. Without a host, this node's host is meant.
    #[must_use]
    pub fn sibling(&self, address: &str) -> Option<Self> {
        let (host, port) = address.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let mut place = match &self.place {
            Place::Node(address) => address.clone(),
            Place::Server(_) | Place::Sentinels(_) => return None,
        };
        match &mut place {
            ConnectionAddr::Tcp(own, own_port) | ConnectionAddr::TcpTls { host: own, port: own_port, .. } => {
                if !host.is_empty() {
                    host.trim_start_matches('[').trim_end_matches(']').clone_into(own);
                }
                *own_port = port;
            }
            _ => return None,
        }
        Some(Self { place: Place::Node(place), access: Arc::clone(&self.access) })
    }

    /// A name for messages. It contains no password.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.place {
            Place::Server(address) | Place::Node(address) => address.to_string(),
            Place::Sentinels(sentinels) => format!("the primary of '{}'", sentinels.service),
        }
    }
}

fn invalid(reason: String) -> StoreError {
    StoreError::Invalid(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(url: &str) -> String {
        Servers::new(url, Tls::default(), 1, None, false).err().map(|error| error.to_string()).unwrap_or_default()
    }

    fn names(url: &str) -> Vec<String> {
        let servers = Servers::new(url, Tls::default(), 1, None, false).unwrap();
        servers.targets.iter().map(|target| target.name()).collect()
    }

    #[test]
    fn schemes_are_checked_and_secrets_stay_out_of_the_message() {
        assert_eq!(reason("redis://localhost"), "");
        assert_eq!(reason("rediss://user:pw@example.com:6380/3"), "");
        assert_eq!(reason("unix:///run/redis.sock?db=2"), "");
        assert!(reason("http://localhost").contains("'http:'"));
        assert!(reason("rediss://localhost/#insecure").contains("tls.ca"));
        assert!(!reason("redis://u:hunter2@host:99999").contains("hunter2"));
        assert!(!reason("redis+cluster://u:hunter2@host:99999").contains("hunter2"));
        assert!(reason("redis://host/notanumber").contains("database"));
    }

    #[test]
    fn a_cluster_is_found_by_several_nodes() {
        assert_eq!(names("redis+cluster://a:7000,b,[::1]:7002"), ["a:7000", "b:6379", "::1:7002"]);
        assert!(reason("redis+cluster://a/3").contains("only one database"));
        assert!(reason("redis+cluster://a,,b").contains("empty"));
        assert!(reason("redis+cluster:a").contains("'://'"));
        assert!(reason("rediss+cluster://a/#insecure").contains("fragment"));
        assert!(reason("redis+cluster://a?sentinel_password=x").contains("no parameters"));
    }

    #[test]
    fn sentinels_name_a_service_and_may_want_a_login_of_their_own() {
        let url = "redis+sentinel://app:p%40ss@s1,s2:5000/orders/2?sentinel_username=watch&sentinel_password=o%20k";
        let servers = Servers::new(url, Tls::default(), 1, None, false).unwrap();
        let Place::Sentinels(sentinels) = &servers.targets[0].place else { panic!("not Sentinels") };
        let addresses: Vec<_> = sentinels.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["s1:26379", "s2:5000"]);
        assert_eq!((sentinels.service.as_str(), sentinels.login.password()), ("orders", Some("o k")));
        let login = &servers.targets[0].access.login;
        assert_eq!((login.username(), login.password(), login.db()), (Some("app"), Some("p@ss"), 2));
        assert!(reason("redis+sentinel://s1").contains("service"));
    }

    #[test]
    fn a_node_is_named_by_another_with_or_without_its_host() {
        let servers = Servers::new("redis+cluster://a:7000", Tls::default(), 1, None, false).unwrap();
        let sibling = |address| servers.targets[0].sibling(address).map(|target| target.name());
        assert_eq!(sibling("10.0.0.2:7001").as_deref(), Some("10.0.0.2:7001"));
        assert_eq!(sibling(":7001").as_deref(), Some("a:7001"));
        assert_eq!(sibling("::1:7001").as_deref(), Some("::1:7001"));
        assert_eq!(sibling("nonsense"), None);
    }

    #[test]
    fn certificates_need_a_tls_url_and_pem_text() {
        let tls = Tls { ca: Some("garbage".into()), ..Tls::default() };
        assert!(matches!(Servers::new("redis://h", tls.clone(), 1, None, false), Err(StoreError::Invalid(_))));
        assert!(matches!(Servers::new("redis+cluster://h", tls.clone(), 1, None, false), Err(StoreError::Invalid(_))));
        assert!(matches!(Servers::new("rediss://h", tls, 1, None, false), Err(StoreError::Invalid(_))));
    }
}
