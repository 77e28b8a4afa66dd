//! The members of a tar stream in POSIX ustar, pax and GNU form, one after the other.
//!
//! The tar library decodes the headers; the records between them are read here, because the library takes pax records
//! apart at newlines, which binary values hold (file capabilities do), and reads them whole, however long they are.

use std::io::{self, Read};

use tar::{EntryType, Header};

const BLOCK: u64 = 512;
/// Bytes of names and records that one member may have: each attribute may have 64 KiB.
const METADATA_MAX: u64 = 1 << 20;

/// A tar stream, read up to somewhere.
pub(super) struct Stream<R> {
    reader: R,
    /// Data of the current member that nobody has read yet, and the padding after it.
    unread: (u64, u64),
}

/// A member: its header, and what records before it say instead of the header.
pub(super) struct Member {
    pub(super) header: Header,
    pub(super) path: Vec<u8>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Bytes of data: 0 for what has none, whatever the header says (as Go's archive/tar reads it).
    pub(super) size: u64,
    /// All pax records, by key.
    pub(super) records: Vec<(String, Vec<u8>)>,
}

/// What comes before a header and belongs to it.
#[derive(Default)]
struct Pending {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    records: Vec<(String, Vec<u8>)>,
}

impl Pending {
    /// A record that is not empty: an empty one says that the header is right.
    fn record(&self, key: &str) -> Option<&[u8]> {
        let found = self.records.iter().rev().find(|(known, _)| known == key);
        found
            .map(|(_, value)| value.as_slice())
            .filter(|value| !value.is_empty())
    }

    fn number(&self, key: &str) -> io::Result<Option<u64>> {
        let Some(value) = self.record(key) else {
            return Ok(None);
        };
        let number = std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse().ok());
        number
            .map(Some)
            .ok_or_else(|| invalid("a pax record is not a number"))
    }

    fn member(self, header: &Header) -> io::Result<Member> {
        let path = self.record("path").map(<[u8]>::to_vec);
        let target = self.record("linkpath").map(<[u8]>::to_vec);
        let size = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => self
                .number("size")?
                .map_or_else(|| header.entry_size(), Ok)?,
            _ => 0,
        };
        Ok(Member {
            header: header.clone(),
            path: path
                .or(self.name.clone())
                .unwrap_or_else(|| header.path_bytes().into_owned()),
            target: target
                .or(self.target.clone())
                .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned)),
            uid: self.number("uid")?.map_or_else(|| header.uid(), Ok)?,
            gid: self.number("gid")?.map_or_else(|| header.gid(), Ok)?,
            size,
            records: self.records,
        })
    }
}

impl<R: Read> Stream<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            unread: (0, 0),
        }
    }

    /// The next member; none at the end. What was not read of the one before is skipped.
    pub(super) fn next(&mut self) -> io::Result<Option<Member>> {
        self.skip()?;
        let mut pending = Pending::default();
        let mut budget = METADATA_MAX;
        while let Some(header) = self.header()? {
            let kind = header.entry_type();
            if kind.is_gnu_longname() {
                pending.name = Some(terminated(self.metadata(&header, &mut budget)?));
            } else if kind.is_gnu_longlink() {
                pending.target = Some(terminated(self.metadata(&header, &mut budget)?));
            } else if kind.is_pax_local_extensions() {
                pending
                    .records
                    .append(&mut records(&self.metadata(&header, &mut budget)?)?);
            } else if kind.is_pax_global_extensions() {
                // Comments, as git-archive(1) writes them; images do not use others.
                self.metadata(&header, &mut budget)?;
            } else {
                let member = pending.member(&header)?;
                self.unread = (member.size, padding(member.size));
                return Ok(Some(member));
            }
        }
        Ok(None)
    }

    /// The rest of the current member's data.
    pub(super) fn data(&mut self) -> Data<'_, R> {
        Data(self)
    }

    /// What follows the last member.
    pub(super) fn into_rest(self) -> R {
        self.reader
    }

    fn skip(&mut self) -> io::Result<()> {
        let (data, padding) = std::mem::take(&mut self.unread);
        let skipped = io::copy(
            &mut self.reader.by_ref().take(data + padding),
            &mut io::sink(),
        )?;
        if skipped < data {
            return Err(cut_off());
        }
        Ok(())
    }

    /// The next header; none at the end, which is a block of zeros, or nothing.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < block.len() {
            match self.reader.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        // The checksum's own field counts as spaces.
        let spaces = 8 * u32::from(b' ');
        let sum = block[..148]
            .iter()
            .chain(&block[156..])
            .map(|byte| u32::from(*byte))
            .sum::<u32>()
            + spaces;
        if header.cksum()? != sum {
            return Err(invalid(
                "this is no tar stream: a header's checksum is wrong",
            ));
        }
        Ok(Some(header))
    }

    fn metadata(&mut self, header: &Header, budget: &mut u64) -> io::Result<Vec<u8>> {
        let size = header.entry_size()?;
        *budget = budget
            .checked_sub(size)
            .ok_or_else(|| invalid("names and records of a file are too long"))?;
        let mut bytes = Vec::new();
        self.reader.by_ref().take(size).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.unread = (0, padding(size));
        self.skip()?;
        Ok(bytes)
    }
}

/// Reads a member's data.
pub(super) struct Data<'a, R>(&'a mut Stream<R>);

impl<R: Read> Read for Data<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.0.unread.0)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            // Not asked further: decompressors take a read of nothing for a mistake.
            return Ok(0);
        }
        let count = self.0.reader.read(&mut buffer[..most])?;
        self.0.unread.0 -= count as u64;
        Ok(count)
    }
}

/// The error of a layer that ends in the middle of a file.
pub(super) fn cut_off() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the layer ends in the middle of a file",
    )
}

fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

/// GNU's long names end with a NUL.
fn terminated(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

/// Pax records (POSIX.1-2017, pax, "pax Extended Header"): `LENGTH KEY=VALUE\n`, the length being that of the whole.
fn records(mut bytes: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
    let malformed = || invalid("a pax record is malformed");
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(malformed)?;
        let length = std::str::from_utf8(&bytes[..space])
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(malformed)?;
        let record = bytes
            .get(..length)
            .and_then(|record| record.get(space + 1..))
            .ok_or_else(malformed)?;
        let record = record.strip_suffix(b"\n").ok_or_else(malformed)?;
        let equals = record
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or_else(malformed)?;
        let key = std::str::from_utf8(&record[..equals]).map_err(|_| malformed())?;
        records.push((key.to_owned(), record[equals + 1..].to_vec()));
        bytes = &bytes[length..];
    }
    Ok(records)
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_hold_any_bytes() {
        let bytes = b"9 a=1\n2\0\n11 path=\xFF/\n6 b=3\n";
        let expected = [("a", &b"1\n2\0"[..]), ("path", b"\xFF/"), ("b", b"3")];
        let found = records(bytes).expect("records");
        assert!(
            found
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_slice()))
                .eq(expected)
        );
        for bytes in [
            &b"6 a=1"[..],
            b"99 a=1\n",
            b"x a=1\n",
            b"5 a1\n",
            b"2 \n",
            b"0 a=1\n",
            b"6 a=1\n ",
            b"-1 a=1\n",
        ] {
            assert!(records(bytes).is_err(), "{bytes:?} must be refused");
        }
    }
}
