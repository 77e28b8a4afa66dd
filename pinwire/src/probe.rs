//! A quick check that traffic crosses a topology: sends real UDP frames into one interface of this network namespace and
//! receives them on another. Not a benchmark: nothing is pinned, and one machine is sender, network and receiver.
//!
//! Frames are sent with `send(2)` on a packet socket, one each, by an absolute schedule that is never reset; they are
//! received with the kernel's own stamps, taken where a frame enters the receiving interface. Both clocks are
//! `CLOCK_REALTIME`, because the kernel stamps with no other.

mod batch;
mod error;
mod filter;
mod frame;
mod interface;
mod outcome;
mod packet_socket;
mod receiver;
mod sender;
mod tally;
#[cfg(test)]
mod tests;

use std::net::SocketAddrV4;
use std::time::Duration;

use pinwire_wiring::name::MacAddress;

pub use error::ProbeError;
pub use outcome::{Bucket, Distribution, Outcome};

use frame::Template;
use interface::Interface;
use receiver::Receiver;
use sender::Schedule;

/// What to send, where, and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Interface of the current network namespace to send from.
    pub ingress: String,
    /// Interface of the current network namespace to receive on.
    pub egress: String,
    /// MAC address of the first node's interface, to which the frames go.
    pub destination_mac: MacAddress,
    /// Destination of the UDP datagrams.
    pub destination: SocketAddrV4,
    /// Frames to send and count.
    pub count: u32,
    /// Frames per second, by the schedule.
    pub rate_pps: u32,
    /// Length of a frame in bytes, Ethernet header included and frame check sequence excluded; 46 or more.
    pub size: usize,
    /// Frames sent before the counted ones, at the same rate, to fill caches and neighbour tables; followed by a pause.
    pub warm_up: u32,
    /// How long to wait for frames after the last was sent.
    pub timeout: Duration,
    /// Whether the receiving interface is to take frames to any MAC address.
    pub promiscuous: bool,
}

impl Probe {
    /// The destination port of the seed system's load generator.
    pub const PORT: u16 = 23432;
    /// The length of the seed system's frames, in bytes.
    pub const SIZE: usize = 84;
    /// The length of the seed system's warm-up, in frames.
    pub const WARM_UP: u32 = 945;

    /// Sends, receives and counts. Takes about `(warm_up + count) / rate_pps` seconds, and `timeout` if anything is lost.
    ///
    /// # Errors
    /// If an interface is missing or down, `CAP_NET_RAW` is missing, or the values cannot be. Loss is no error.
    pub fn run(&self) -> Result<Outcome, ProbeError> {
        self.check()?;
        let ingress = Interface::find(&self.ingress)?.check_up()?;
        let egress = Interface::find(&self.egress)?.check_up()?;
        // First of all, so that the kernel has begun to stamp by the time that frames arrive.
        let receiver = Receiver::open(&egress, self)?;
        let template = Template::new(
            ingress.mac,
            self.destination_mac,
            self.destination,
            self.size,
        );
        let (sent, received) = std::thread::scope(|scope| {
            let progress = receiver::SenderState::default();
            let thread = scope.spawn({
                let progress = progress.clone();
                move || receiver.run(&progress, self.timeout)
            });
            let sent = Schedule::new(self).send(&ingress, template);
            progress.finish(sent.is_ok());
            let received = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (sent, received)
        });
        tally::tally(self, sent?, received?)
    }

    fn check(&self) -> Result<(), ProbeError> {
        if self.count == 0 || self.rate_pps == 0 {
            return Err(ProbeError::NothingToSend);
        }
        let total = u64::from(self.count) + u64::from(self.warm_up);
        if total > u64::from(frame::ID_MAX) {
            return Err(ProbeError::TooMany {
                total,
                max: frame::ID_MAX,
            });
        }
        if self.size < frame::SIZE_MIN {
            return Err(ProbeError::Short {
                size: self.size,
                min: frame::SIZE_MIN,
            });
        }
        if self.size > frame::SIZE_MAX {
            return Err(ProbeError::Long {
                size: self.size,
                interface: self.ingress.clone(),
            });
        }
        Ok(())
    }
}
