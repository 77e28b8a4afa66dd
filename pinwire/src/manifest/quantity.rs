//! Quantities of resources as Kubernetes writes them: `500m`, `1.5`, `64Mi`, `1e3`. Exact: no floating point.
//!
//! Source: `k8s.io/apimachinery/pkg/api/resource`, the grammar in the documentation of `Quantity`.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A non-negative quantity in thousandths of its unit, rounded up as Kubernetes does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity {
    thousandths: u128,
}

/// Digits are read up to here; beyond, no resource of a machine lies.
const DIGITS_MAX: usize = 30;

impl Quantity {
    /// In thousandths, at most 2^64-1: thousandths of a CPU.
    pub(crate) fn thousandths(self) -> u64 {
        u64::try_from(self.thousandths).unwrap_or(u64::MAX)
    }

    /// In whole units, rounded up, at most 2^64-1: bytes.
    pub(crate) fn units(self) -> u64 {
        u64::try_from(self.thousandths.div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || {
            format!(
                "`{text}` is not a quantity: write a number with an optional suffix, such as 500m, 1.5, 64Mi or 2G"
            )
        };
        if text.starts_with('-') {
            return Err(format!(
                "`{text}` is negative: a quantity of a resource is not"
            ));
        }
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        let number_end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') {
            return Err(malformed());
        }
        let (factor, power) = scale(suffix).ok_or_else(malformed)?;
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.len() > DIGITS_MAX {
            return Err(format!("`{text}` is beyond what any machine has"));
        }
        let mantissa: u128 = if digits.is_empty() {
            0
        } else {
            digits.parse().map_err(|_| malformed())?
        };
        // value = mantissa * factor * 10^(power - length of the fraction), wanted in thousandths.
        let exponent = power + 3 - i32::try_from(fraction.len()).unwrap_or(i32::MAX);
        let scaled = mantissa.checked_mul(factor);
        let thousandths = match (scaled, u32::try_from(exponent)) {
            (_, _) if mantissa == 0 => Some(0),
            (Some(scaled), Ok(up)) => 10_u128
                .checked_pow(up)
                .and_then(|ten| scaled.checked_mul(ten)),
            (Some(scaled), Err(_)) => Some(
                10_u128
                    .checked_pow(exponent.unsigned_abs())
                    .map_or(1, |divisor| scaled.div_ceil(divisor)),
            ),
            (None, _) => None,
        };
        let thousandths =
            thousandths.ok_or_else(|| format!("`{text}` is beyond what any machine has"))?;
        Ok(Self { thousandths })
    }
}

/// A suffix as a factor and a power of ten.
fn scale(suffix: &str) -> Option<(u128, i32)> {
    let decimal = |power| Some((1, power));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => Some((1 << 10, 0)),
        "Mi" => Some((1 << 20, 0)),
        "Gi" => Some((1 << 30, 0)),
        "Ti" => Some((1 << 40, 0)),
        "Pi" => Some((1 << 50, 0)),
        "Ei" => Some((1 << 60, 0)),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (-30..=30).contains(&exponent).then_some((1, exponent))
        }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, QuantityVisitor)
    }
}

/// Tells the reader that a number is welcome as well as text: Kubernetes takes `cpu: 1.5` unquoted. Rust prints the
/// shortest decimal fraction that is the same number, so that `0.1` stays one tenth.
pub(crate) const NAME: &str = "Quantity";

struct QuantityVisitor;

impl<'de> Visitor<'de> for QuantityVisitor {
    type Value = Quantity;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a quantity such as 500m or 64Mi")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    #[test]
    fn reads_what_kubernetes_reads() {
        let cases = [
            ("500m", 500, 1),
            ("1.5", 1500, 2),
            ("0.1", 100, 1),
            ("64Mi", 64 * 1024 * 1024 * 1000, 64 * 1024 * 1024),
            ("1e3", 1_000_000, 1000),
            ("1E", u64::MAX, 1_000_000_000_000_000_000),
            ("12E-1", 1200, 2),
            (".5Gi", 512 * 1024 * 1024 * 1000, 512 * 1024 * 1024),
            ("1n", 1, 1),
            ("0", 0, 0),
            ("+2k", 2_000_000, 2000),
            ("0.0000000000001", 1, 1),
        ];
        for (text, thousandths, units) in cases {
            let quantity: Quantity = text.parse().expect(text);
            assert_eq!(
                (quantity.thousandths(), quantity.units()),
                (thousandths, units),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "m",
            ".",
            "1.2.3",
            "1 Mi",
            "64mi",
            "64MB",
            "-1",
            "1e",
            "1e99",
            "0x10",
            "NaN",
            "9999999999999999999999999999999999",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }
}
