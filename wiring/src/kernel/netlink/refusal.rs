//! Why the kernel refused a netlink request: errno, and the extended acknowledgement's text and offending attribute.
//!
//! netlink(7), "`NETLINK_EXT_ACK`"; the layout is that of `struct nlmsgerr` and `enum nlmsgerr_attrs` (linux/netlink.h).

use std::fmt;

use netlink_packet_core::NlasIterator;
use nix::errno::Errno;

/// `NLMSGERR_ATTR_MSG`: what the kernel says, a C string.
const TEXT: u16 = 1;
/// `NLMSGERR_ATTR_OFFS`: where in the request the offending attribute starts, u32.
const OFFSET: u16 = 2;
/// `NLMSGERR_ATTR_MISS_TYPE`: the type of the attribute that is missing, u32.
const MISSING: u16 = 5;
/// Bytes of `struct nlmsghdr`.
const HEADER: usize = 16;
/// The bits of an attribute's type that are its type (`NLA_TYPE_MASK`).
const TYPE_MASK: u16 = 0x3fff;

/// A request that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error number.
    pub errno: Errno,
    /// The kernel's own words, where it has any.
    pub text: Option<String>,
    /// Type of the attribute that the kernel objects to (IFLA_…, RTA_…, by the kind of request), where it names one.
    pub attribute: Option<u16>,
    /// Type of the attribute that the kernel misses, where it names one.
    pub missing: Option<u16>,
}

impl Refusal {
    /// Reads the refusal of `request`, a whole netlink message. `payload` is that of the `NLMSG_ERROR` behind the error
    /// code: the request's header (`NETLINK_CAP_ACK` cuts the rest) and the extended acknowledgement's attributes.
    pub(crate) fn read(code: i32, payload: &[u8], request: &[u8]) -> Self {
        let mut refusal = Self {
            errno: Errno::from_raw(code.abs()),
            text: None,
            attribute: None,
            missing: None,
        };
        let attributes = payload.get(HEADER..).unwrap_or_default();
        for attribute in NlasIterator::new(attributes).flatten() {
            let value = attribute.value();
            match attribute.kind() & TYPE_MASK {
                TEXT => {
                    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
                    refusal.text = Some(String::from_utf8_lossy(text).into_owned());
                }
                OFFSET => refusal.attribute = type_at(request, value),
                MISSING => refusal.missing = number(value).and_then(|kind| kind.try_into().ok()),
                _ => {}
            }
        }
        refusal
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            write!(formatter, "{text} ")?;
        }
        write!(formatter, "({:?}, {}", self.errno, self.errno.desc())?;
        if let Some(attribute) = self.attribute {
            write!(formatter, ", at attribute {attribute}")?;
        }
        if let Some(missing) = self.missing {
            write!(formatter, ", without attribute {missing}")?;
        }
        formatter.write_str(")")
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// The type of the attribute that starts at an offset of the request.
fn type_at(request: &[u8], offset: &[u8]) -> Option<u16> {
    let start = usize::try_from(number(offset)?).ok()?;
    let kind = request.get(start.checked_add(2)?..start.checked_add(4)?)?;
    Some(u16::from_ne_bytes(kind.try_into().ok()?) & TYPE_MASK)
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{DefaultNla, Emitable};

    use super::*;

    /// A request with attributes of types 3 and 0x8004 (nested), and a refusal's payload about it.
    fn refusal(attributes: &[DefaultNla]) -> Refusal {
        let mut request = vec![0; HEADER + 16];
        request.extend([8, 0, 3, 0, 1, 2, 3, 4]);
        request.extend([8, 0, 4, 0x80, 1, 2, 3, 4]);
        let mut payload = vec![0; HEADER + attributes.buffer_len()];
        attributes.emit(&mut payload[HEADER..]);
        Refusal::read(-17, &payload, &request)
    }

    #[test]
    fn the_extended_acknowledgement_is_read() {
        let text = DefaultNla::new(TEXT, b"it is there\0".to_vec());
        let offset = |at: u32| DefaultNla::new(OFFSET, at.to_ne_bytes().to_vec());
        let missing = DefaultNla::new(MISSING, 5_u32.to_ne_bytes().to_vec());
        let cases = [
            (vec![], "(EEXIST, File exists)"),
            (vec![text.clone()], "it is there (EEXIST, File exists)"),
            (
                vec![text, offset(32)],
                "it is there (EEXIST, File exists, at attribute 3)",
            ),
            (vec![offset(40)], "(EEXIST, File exists, at attribute 4)"),
            (vec![offset(46)], "(EEXIST, File exists)"),
            (vec![offset(u32::MAX)], "(EEXIST, File exists)"),
            (vec![missing], "(EEXIST, File exists, without attribute 5)"),
            (
                vec![DefaultNla::new(OFFSET, vec![1])],
                "(EEXIST, File exists)",
            ),
        ];
        for (attributes, expected) in cases {
            assert_eq!(refusal(&attributes).to_string(), expected);
        }
    }

    #[test]
    fn a_payload_that_is_cut_short_is_no_panic() {
        for length in 0..HEADER + 3 {
            assert_eq!(
                Refusal::read(-1, &vec![0xff; length], &[]).errno,
                Errno::EPERM
            );
        }
    }
}
