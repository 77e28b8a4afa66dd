//! Addresses of PCI devices, as sysfs writes them.

use std::fmt;
use std::str::FromStr;

/// The address of a PCI device: domain, bus, device and function, `0000:01:10.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl FromStr for PciAddress {
    type Err = String;

    /// Takes the domain as optional, as lspci(8) does; what sysfs writes has one.
    fn from_str(text: &str) -> Result<Self, String> {
        read(text).ok_or_else(|| {
            format!("`{text}` is not a PCI address: write domain, bus, device and function, 0000:01:10.0")
        })
    }
}

fn read(text: &str) -> Option<PciAddress> {
    let (rest, function) = text.split_once('.')?;
    let (rest, device) = rest.rsplit_once(':')?;
    let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0000", rest));
    let number = |digits: &str, length: std::ops::RangeInclusive<usize>| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        (plain && length.contains(&digits.len()))
            .then(|| u32::from_str_radix(digits, 16).ok())
            .flatten()
    };
    let address = PciAddress {
        // Intel's volume management devices have domains of five digits.
        domain: number(domain, 4..=8)?,
        bus: number(bus, 2..=2)?.try_into().ok()?,
        device: number(device, 2..=2)?.try_into().ok()?,
        function: number(function, 1..=1)?.try_into().ok()?,
    };
    (address.device < 32 && address.function < 8).then_some(address)
}

impl fmt::Display for PciAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            bus,
            device,
            function,
        } = self;
        formatter.pad(&format!("{domain:04x}:{bus:02x}:{device:02x}.{function:x}"))
    }
}

crate::name::string_serde!(
    PciAddress,
    r"^([0-9A-Fa-f]{4,8}:)?[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7]$"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        let cases = [
            ("0000:01:10.0", Some("0000:01:10.0")),
            ("01:1F.7", Some("0000:01:1f.7")),
            ("10000:e1:00.0", Some("10000:e1:00.0")),
            ("0000:01:20.0", None),
            ("0000:01:10.8", None),
            ("0000:1:10.0", None),
            ("0000:01:10", None),
            ("0000:01:+1.0", None),
            ("eth0", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let address = text.parse::<PciAddress>().ok();
            let written = address.map(|address| address.to_string());
            assert_eq!(written.as_deref(), expected, "{text}");
        }
    }
}
