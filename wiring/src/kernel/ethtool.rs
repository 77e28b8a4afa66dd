//! ethtool's netlink family (Documentation/networking/ethtool-netlink.rst): one socket, and messages as attributes. What they
//! mean is in `feature` and `number`.

use netlink_packet_core::{DecodeError, DefaultNla, Emitable, NlasIterator, ParseableParametrized};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};

use super::netlink::{Netlink, NetlinkError};
use super::netns::Netns;

mod feature;
mod number;

#[cfg(test)]
pub(crate) use feature::Feature;
pub(crate) use feature::Features;
pub use number::Number;
pub(crate) use number::{Group, Numbers};

/// The family's name.
const FAMILY: &str = "ethtool";
/// The bits of an attribute's type that are its type (`NLA_TYPE_MASK`).
const TYPE_MASK: u16 = 0x3fff;

/// A generic netlink socket that knows the family's number.
pub(crate) struct Ethtool {
    socket: Netlink,
    family: u16,
}

impl Ethtool {
    /// In the namespace of the calling thread.
    pub(crate) fn here() -> Result<Self, NetlinkError> {
        let mut socket = Netlink::generic_here()?;
        let family = family(&mut socket)?;
        Ok(Self { socket, family })
    }

    /// In a namespace.
    pub(crate) fn of(netns: &Netns) -> Result<Self, NetlinkError> {
        netns.run(Self::here)?
    }

    /// Asks about an interface.
    fn get(&mut self, command: u8, index: u32) -> Result<Vec<DefaultNla>, NetlinkError> {
        let message = self.message(command, vec![header(index, None)]);
        match self.socket.get(message)? {
            Some(answer) => Ok(answer.payload.attributes),
            None => Err(NetlinkError::Decode("no answer about an interface".into())),
        }
    }

    /// Tells an interface something.
    fn set(
        &mut self,
        command: u8,
        index: u32,
        attributes: Vec<DefaultNla>,
    ) -> Result<(), NetlinkError> {
        let mut all = vec![header(index, Some(OMIT_REPLY))];
        all.extend(attributes);
        let message = self.message(command, all);
        self.socket.request(message, 0)
    }

    fn message(&self, command: u8, attributes: Vec<DefaultNla>) -> GenlMessage<Message> {
        let mut message = GenlMessage::from_payload(Message {
            command,
            attributes,
        });
        message.set_resolved_family_id(self.family);
        message
    }
}

/// The number that the kernel gave to the family.
fn family(socket: &mut Netlink) -> Result<u16, NetlinkError> {
    let request = GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(FAMILY.to_owned())],
    };
    let answer = socket.get(GenlMessage::from_payload(request))?;
    let attributes = answer.map(|answer| answer.payload.nlas).unwrap_or_default();
    let number = attributes
        .into_iter()
        .find_map(|attribute| match attribute {
            GenlCtrlAttrs::FamilyId(number) => Some(number),
            _ => None,
        });
    number.ok_or_else(|| NetlinkError::Decode("the ethtool family has no number".into()))
}

/// `ETHTOOL_FLAG_OMIT_REPLY` (`linux/ethtool_netlink.h`).
const OMIT_REPLY: u32 = 1 << 1;

/// The first attribute of every message: the interface, and flags.
fn header(index: u32, flags: Option<u32>) -> DefaultNla {
    let number = |kind, value: u32| DefaultNla::new(kind, value.to_ne_bytes().to_vec());
    let mut header = vec![number(1, index)]; // ETHTOOL_A_HEADER_DEV_INDEX
    header.extend(flags.map(|flags| number(3, flags))); // ETHTOOL_A_HEADER_FLAGS
    nest(1, &header) // ETHTOOL_A_…_HEADER
}

/// A message: a command and its attributes.
#[derive(Clone, Debug)]
struct Message {
    command: u8,
    attributes: Vec<DefaultNla>,
}

impl GenlFamily for Message {
    fn family_name() -> &'static str {
        FAMILY
    }

    fn command(&self) -> u8 {
        self.command
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Message {
    fn buffer_len(&self) -> usize {
        self.attributes.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes.as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Message {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        Ok(Self {
            command: header.cmd,
            attributes: attributes(bytes)?,
        })
    }
}

/// Attributes, with plain types.
fn attributes(bytes: &[u8]) -> Result<Vec<DefaultNla>, DecodeError> {
    let all = NlasIterator::new(bytes).map(|attribute| {
        let attribute = attribute?;
        let kind = attribute.kind() & TYPE_MASK;
        Ok(DefaultNla::new(kind, attribute.value().to_vec()))
    });
    all.collect()
}

fn nest(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    let mut value = vec![0; attributes.buffer_len()];
    attributes.emit(&mut value);
    DefaultNla::new(kind | netlink_packet_core::NLA_F_NESTED, value)
}

fn value(attribute: &DefaultNla) -> Vec<u8> {
    use netlink_packet_core::Nla;
    let mut value = vec![0; attribute.value_len()];
    attribute.emit_value(&mut value);
    value
}
