//! What of an interface is a number: channels, rings and coalescing. Each group is read and set by a pair of messages.

use std::collections::BTreeMap;
use std::fmt;

use netlink_packet_core::{DefaultNla, Nla};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::{Ethtool, value};
use crate::kernel::netlink::NetlinkError;

/// A group of numbers that are set together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Queues (`ethtool -l`).
    Channels,
    /// Descriptors (`ethtool -g`).
    Rings,
    /// Interrupt moderation (`ethtool -c`).
    Coalescing,
}

/// A number of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say what they are")]
pub enum Number {
    ChannelsRx,
    ChannelsTx,
    ChannelsOther,
    ChannelsCombined,
    RingsRx,
    RingsTx,
    RxUsecs,
    TxUsecs,
    RxFrames,
    TxFrames,
    AdaptiveRx,
    AdaptiveTx,
}

/// Where a number is.
struct Entry {
    number: Number,
    group: Group,
    /// The type of its attribute (`linux/ethtool_netlink.h`).
    attribute: u16,
    /// The type of the attribute of its maximum.
    maximum: Option<u16>,
    /// The key of `tuning`.
    key: &'static str,
}

const fn entry(
    number: Number,
    group: Group,
    attribute: u16,
    maximum: Option<u16>,
    key: &'static str,
) -> Entry {
    Entry {
        number,
        group,
        attribute,
        maximum,
        key,
    }
}

/// All numbers, in the order of [`Number`].
const ENTRIES: [Entry; 12] = {
    use Group::{Channels, Coalescing, Rings};
    use Number as N;
    [
        entry(N::ChannelsRx, Channels, 6, Some(2), "channels.rx"),
        entry(N::ChannelsTx, Channels, 7, Some(3), "channels.tx"),
        entry(N::ChannelsOther, Channels, 8, Some(4), "channels.other"),
        entry(
            N::ChannelsCombined,
            Channels,
            9,
            Some(5),
            "channels.combined",
        ),
        entry(N::RingsRx, Rings, 6, Some(2), "rings.rx"),
        entry(N::RingsTx, Rings, 9, Some(5), "rings.tx"),
        entry(N::RxUsecs, Coalescing, 2, None, "coalescing.rxUsecs"),
        entry(N::TxUsecs, Coalescing, 6, None, "coalescing.txUsecs"),
        entry(N::RxFrames, Coalescing, 3, None, "coalescing.rxFrames"),
        entry(N::TxFrames, Coalescing, 7, None, "coalescing.txFrames"),
        entry(N::AdaptiveRx, Coalescing, 11, None, "coalescing.adaptiveRx"),
        entry(N::AdaptiveTx, Coalescing, 12, None, "coalescing.adaptiveTx"),
    ]
};

impl Group {
    /// All groups, in the order in which they are set: what a driver allocates anew first.
    pub(crate) const ALL: [Self; 3] = [Self::Channels, Self::Rings, Self::Coalescing];

    /// The messages that read and set it (`linux/ethtool_netlink.h`).
    fn commands(self) -> (u8, u8) {
        match self {
            Self::Rings => (15, 16),
            Self::Channels => (17, 18),
            Self::Coalescing => (19, 20),
        }
    }
}

impl Number {
    fn entry(self) -> &'static Entry {
        &ENTRIES[self as usize]
    }

    /// The group that it is set with.
    pub(crate) fn group(self) -> Group {
        self.entry().group
    }

    /// Whether it is on or off.
    fn is_switch(self) -> bool {
        matches!(self, Self::AdaptiveRx | Self::AdaptiveTx)
    }

    /// A value as people write it.
    pub(crate) fn show(self, value: u32) -> String {
        match (self.is_switch(), value) {
            (false, value) => value.to_string(),
            (true, 0) => "false".to_owned(),
            (true, _) => "true".to_owned(),
        }
    }

    fn attribute(self, value: u32) -> DefaultNla {
        let value = if self.is_switch() {
            vec![u8::from(value != 0)]
        } else {
            value.to_ne_bytes().to_vec()
        };
        DefaultNla::new(self.entry().attribute, value)
    }
}

/// The key of `tuning`.
impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.entry().key)
    }
}

/// The numbers that an interface has, each with its maximum where the driver says that. What is not there the driver does
/// not have.
pub(crate) type Numbers = BTreeMap<Number, (u32, Option<u32>)>;

impl Ethtool {
    /// The numbers of a group. A driver that does not know the group has none.
    pub(crate) fn numbers(&mut self, group: Group, index: u32) -> Result<Numbers, NetlinkError> {
        match self.get(group.commands().0, index) {
            Ok(answer) => Ok(read(group, &answer)),
            Err(error) if error.errno() == Some(Errno::EOPNOTSUPP) => Ok(Numbers::new()),
            Err(error) => Err(error),
        }
    }

    /// Sets numbers of a group.
    pub(crate) fn set_numbers(
        &mut self,
        group: Group,
        index: u32,
        numbers: &[(Number, u32)],
    ) -> Result<(), NetlinkError> {
        let attributes = numbers.iter();
        let attributes = attributes.map(|(number, value)| number.attribute(*value));
        self.set(group.commands().1, index, attributes.collect())
    }
}

fn read(group: Group, answer: &[DefaultNla]) -> Numbers {
    let find = |kind: u16| {
        let attribute = answer.iter().find(|attribute| attribute.kind() == kind)?;
        // A u8 or a u32.
        let value = value(attribute);
        match <[u8; 4]>::try_from(&value[..]) {
            Ok(bytes) => Some(u32::from_ne_bytes(bytes)),
            Err(_) => value.first().map(|value| u32::from(*value)),
        }
    };
    let entries = ENTRIES.iter().filter(|entry| entry.group == group);
    let numbers = entries.filter_map(|entry| {
        let value = find(entry.attribute)?;
        Some((entry.number, (value, entry.maximum.and_then(find))))
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_in_order() {
        for (position, entry) in ENTRIES.iter().enumerate() {
            assert_eq!(entry.number as usize, position, "{}", entry.key);
        }
    }

    #[test]
    fn an_answer_is_read() {
        let number = |kind, value: u32| DefaultNla::new(kind, value.to_ne_bytes().to_vec());
        let answer = [number(2, 4096), number(6, 256), number(9, 512)];
        let read = read(Group::Rings, &answer);
        let expected = [
            (Number::RingsRx, (256, Some(4096))),
            (Number::RingsTx, (512, None)),
        ];
        assert_eq!(read, Numbers::from(expected));
        let answer = [number(2, 3), DefaultNla::new(11, vec![1])];
        let read = super::read(Group::Coalescing, &answer);
        let expected = [
            (Number::RxUsecs, (3, None)),
            (Number::AdaptiveRx, (1, None)),
        ];
        assert_eq!(read, Numbers::from(expected));
    }
}
