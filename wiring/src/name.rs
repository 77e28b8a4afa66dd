//! Names and addresses that the kernel and the manifest put limits on, each checked once, when it is read.

use std::fmt;
use std::str::FromStr;

/// Implements serde and JSON schema for a type by way of its `FromStr` and `Display`; `$pattern` is the schema's regular
/// expression, empty for none.
macro_rules! string_serde {
    ($type:ty, $pattern:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let pattern: &str = $pattern;
                if pattern.is_empty() {
                    schemars::json_schema!({"type": "string"})
                } else {
                    schemars::json_schema!({"type": "string", "pattern": pattern})
                }
            }
        }
    };
}
pub(crate) use string_serde;

/// The longest name of an interface, in bytes (IFNAMSIZ less the final NUL, linux/if.h).
pub const INTERFACE_NAME_MAX: usize = 15;

/// The name of a network interface. Holding one proves that the kernel takes it (`dev_valid_name`, net/core/dev.c).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A prefix and six bytes as hexadecimal digits; the prefix has at most three letters.
    pub fn from_digits(prefix: &'static str, bytes: &[u8]) -> Self {
        let digits = bytes.iter().take(6).map(|byte| format!("{byte:02x}"));
        Self(digits.fold(prefix.to_owned(), |name, digits| name + &digits))
    }
}

impl FromStr for InterfaceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let reason = if text.is_empty() {
            "is empty"
        } else if text.len() > INTERFACE_NAME_MAX {
            return Err(format!(
                "the interface name `{text}` has {} bytes: the kernel allows {INTERFACE_NAME_MAX}",
                text.len()
            ));
        } else if text == "." || text == ".." {
            "is reserved"
        } else if text == "lo" {
            "is the loopback interface, which every pod has already"
        } else if text
            .bytes()
            .any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'/' | b':' | b'%'))
        {
            "holds a character other than printable ASCII without `/`, `:`, `%` and space"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(format!("the interface name `{text}` {reason}"))
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

string_serde!(InterfaceName, r"^[^/:%\s]{1,15}$");

/// A DNS label (RFC 1123): lower-case letters, digits and `-`, at most 63 bytes. What Kubernetes asks of a pod's host name.
fn check_label(what: &str, text: &str) -> Result<(), String> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || text.len() > 63 {
        return Err(format!(
            "the {what} `{text}` has {} bytes: 1 to 63 are allowed",
            text.len()
        ));
    }
    if !text.bytes().all(inner) || text.starts_with('-') || text.ends_with('-') {
        return Err(format!(
            "the {what} `{text}` is not a DNS label: lower-case letters, digits and `-`, no `-` at its ends (RFC 1123)"
        ));
    }
    Ok(())
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                check_label($what, text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }

        string_serde!($name, r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$");
    };
}

label!(
    /// The name of a node of a topology: the pod's name.
    NodeName,
    "node name"
);
label!(
    /// The name of a topology.
    TopologyName,
    "topology name"
);

/// A unicast MAC address (IEEE 802), six bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// The address from its bytes, unchecked by anything but the caller: for addresses that the kernel reports.
    pub const fn from_bytes(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The six bytes in network order.
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || {
            format!(
                "`{text}` is not a MAC address: write six pairs of hexadecimal digits, 02:00:00:00:00:01"
            )
        };
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts
                .next()
                .filter(|part| part.len() == 2)
                .ok_or_else(malformed)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| malformed())?;
        }
        if parts.next().is_some() || text.contains('+') {
            return Err(malformed());
        }
        if bytes[0] & 1 == 1 {
            return Err(format!(
                "`{text}` is a multicast address: the lowest bit of the first byte must be 0"
            ));
        }
        if bytes == [0; 6] {
            return Err(format!("`{text}` is not the address of an interface"));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        formatter.pad(&format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"))
    }
}

string_serde!(MacAddress, r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$");
