//! Buffers for receiving many frames by one recvmmsg(2): the head of each frame, and the stamp that comes with it.

use super::frame::HEAD;

/// Frames received by one system call.
const BATCH: usize = 128;
/// Room for one control message: a header and a timespec of 16 bytes each.
const CONTROL: usize = 32;

/// Buffers of one receive: the heads of frames, and their stamps.
pub(super) struct Batch {
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    heads: Vec<[u8; HEAD]>,
    controls: Vec<[u8; CONTROL]>,
}

impl Batch {
    pub(super) fn new() -> Self {
        let vector = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        let header = libc::mmsghdr {
            msg_hdr: libc::msghdr {
                msg_name: std::ptr::null_mut(),
                msg_namelen: 0,
                msg_iov: std::ptr::null_mut(),
                msg_iovlen: 0,
                msg_control: std::ptr::null_mut(),
                msg_controllen: 0,
                msg_flags: 0,
            },
            msg_len: 0,
        };
        Self {
            headers: vec![header; BATCH],
            vectors: vec![vector; BATCH],
            heads: vec![[0; HEAD]; BATCH],
            controls: vec![[0; CONTROL]; BATCH],
        }
    }

    /// The headers and their number for recvmmsg(2), each pointing to its own buffers, for as long as `self` is borrowed.
    pub(super) fn headers(&mut self) -> (*mut libc::mmsghdr, u32) {
        // Anew each time: the kernel writes lengths back.
        let buffers = self
            .vectors
            .iter_mut()
            .zip(&mut self.heads)
            .zip(&mut self.controls);
        for (header, ((vector, head), control)) in self.headers.iter_mut().zip(buffers) {
            *vector = libc::iovec {
                iov_base: head.as_mut_ptr().cast(),
                iov_len: HEAD,
            };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL as _;
            *control = [0; CONTROL];
        }
        (self.headers.as_mut_ptr(), BATCH as u32)
    }

    /// The first bytes of frame `index`, its whole length, and when it came: `CLOCK_REALTIME` in nanoseconds.
    pub(super) fn frame(&self, index: usize) -> (&[u8], usize, Option<u64>) {
        let length = self.headers[index].msg_len as usize;
        (
            &self.heads[index][..length.min(HEAD)],
            length,
            stamp(&self.controls[index]),
        )
    }
}

/// Reads a control message: length (8 bytes), level, type (4 bytes each), then seconds and nanoseconds (8 bytes each).
fn stamp(control: &[u8; CONTROL]) -> Option<u64> {
    let word = |at: usize| {
        control[at..]
            .first_chunk()
            .map(|bytes| i64::from_ne_bytes(*bytes))
    };
    let half = |at: usize| {
        control[at..]
            .first_chunk()
            .map(|bytes| i32::from_ne_bytes(*bytes))
    };
    if word(0)? != CONTROL as i64
        || half(8)? != libc::SOL_SOCKET
        || half(12)? != libc::SCM_TIMESTAMPNS
    {
        return None;
    }
    u64::try_from(word(16)?)
        .ok()?
        .checked_mul(1_000_000_000)?
        .checked_add(u64::try_from(word(24)?).ok()?)
}
