//! Messages between a command and the processes that it forks: JSON in datagrams of a socket pair, with file descriptors
//! beside them. Knows nothing of what they say.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most descriptors that go with one message.
const DESCRIPTORS_MAX: usize = 4;

/// One end of a pair. Messages keep their bounds (`SOCK_SEQPACKET`); the other end's close is seen as an end of file.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// Two connected ends.
    ///
    /// # Errors
    /// Those of socketpair(2).
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self(one), Self(other)))
    }

    /// Sends a message; a descriptor stays open here.
    ///
    /// # Errors
    /// EPIPE where the other end is closed, EMSGSIZE for some hundred kilobytes (`net.core.wmem_default`).
    pub(crate) fn send(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors))
        {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        rustix::io::retry_on_intr(|| {
            sendmsg(
                &self.0,
                &[IoSlice::new(&bytes)],
                &mut ancillary,
                SendFlags::NOSIGNAL,
            )
        })?;
        Ok(())
    }

    /// Waits for a message; `None` where the other end is closed.
    ///
    /// # Errors
    /// Those of recvmsg(2), and `InvalidData` for what is no such message.
    pub(crate) fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut bytes = vec![0; self.next_length()?];
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let mut slices = [IoSliceMut::new(&mut bytes)];
        rustix::io::retry_on_intr(|| recvmsg(&self.0, &mut slices, &mut ancillary, flags))?;
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                descriptors.extend(received);
            }
        }
        Ok(Some((serde_json::from_slice(&bytes)?, descriptors)))
    }

    /// Waits for a message and tells its length without taking it; 0 at the end. Of a peek's descriptors no copy is made.
    fn next_length(&self) -> io::Result<usize> {
        let mut nothing = [0; 1];
        let flags = RecvFlags::PEEK | RecvFlags::TRUNC;
        let (_, length) =
            rustix::io::retry_on_intr(|| rustix::net::recv(&self.0, &mut nothing, flags))?;
        Ok(length)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

impl From<OwnedFd> for Channel {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn messages_keep_their_bounds_and_carry_descriptors() {
        let (one, other) = Channel::pair().unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        one.send(&"first", &[far.as_fd()]).unwrap();
        drop(far);
        one.send(&vec!["x".repeat(50_000)], &[]).unwrap();
        drop(one);
        let (text, mut descriptors) = other.receive::<String>().unwrap().unwrap();
        assert_eq!((text.as_str(), descriptors.len()), ("first", 1));
        io::Write::write_all(&mut UnixStream::from(descriptors.remove(0)), b"through").unwrap();
        let mut text = String::new();
        (&near).read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        let (list, descriptors) = other.receive::<Vec<String>>().unwrap().unwrap();
        assert_eq!((list[0].len(), descriptors.len()), (50_000, 0));
        assert!(other.receive::<String>().unwrap().is_none());
    }
}
