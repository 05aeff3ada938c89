//! A connection on which everything has been said, and that the poller is told of only when the
//! answer takes its time.
//!
//! To be watched takes two system calls more, and a run without has eight. The runs of a tick start
//! together: when the last of them has asked, one that is near has answered the first.

use std::io::{self, Read};
use std::net::TcpStream as StdStream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// See the module. It starts with [`Self::Asked`], or with a connection that is watched already.
#[derive(Debug)]
pub(in crate::health::checks) enum Patient {
    /// The others get their turn before anybody looks for an answer.
    Asked(StdStream),
    /// Looked at once; if there is nothing, it is watched.
    Rested(StdStream),
    Watched(TcpStream),
    /// The poller did not take it, which was told then.
    Lost,
}

impl Patient {
    /// Ends it after the answer. Where the far side has closed it and all that it said was read, by a
    /// reset: that spares both kernels the FIN and its acknowledgement, and neither the server nor a
    /// firewall between remembers the connection for a minute. Every other is just closed, for a
    /// reset is an error in the log of many a server that is not done.
    pub(super) fn close(self) {
        let Self::Rested(mut stream) = self else { return };
        if matches!(stream.read(&mut [0]), Ok(0)) {
            // Where the option is not to be had, the orderly close does.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }

    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        *self = match std::mem::replace(self, Self::Lost) {
            Self::Asked(stream) | Self::Rested(stream) => {
                Self::Watched(TcpStream::from_std(stream)?)
            }
            as_it_is @ (Self::Watched(_) | Self::Lost) => as_it_is,
        };
        match self {
            Self::Watched(stream) => Ok(Pin::new(stream)),
            Self::Asked(_) | Self::Rested(_) | Self::Lost => {
                Err(io::ErrorKind::NotConnected.into())
            }
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Self::Asked(_) = this {
            if let Self::Asked(stream) = std::mem::replace(this, Self::Lost) {
                *this = Self::Rested(stream);
            }
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Self::Rested(stream) = this {
            match stream.read(octets.initialize_unfilled()) {
                Ok(read) => {
                    octets.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        match this.watched() {
            Ok(stream) => stream.poll_read(context, octets),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut().watched() {
            Ok(stream) => stream.poll_write(context, octets),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut().watched() {
            Ok(stream) => stream.poll_shutdown(context),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, Shutdown, TcpListener};

    use tokio::io::AsyncReadExt;

    use super::*;

    fn connection() -> (StdStream, StdStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ours = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        (ours, listener.accept().unwrap().0)
    }

    #[tokio::test]
    async fn what_comes_while_the_others_have_their_turn_needs_no_poller() {
        let (ours, mut theirs) = connection();
        let mut patient = Patient::Asked(ours);
        let mut octets = [0; 9];
        let (read, written) =
            tokio::join!(patient.read(&mut octets), async { theirs.write_all(b"at once") });
        written.unwrap();
        assert_eq!(&octets[..read.unwrap()], b"at once");
        assert!(matches!(patient, Patient::Rested(_)), "{patient:?}");
    }

    #[tokio::test]
    async fn what_takes_its_time_is_waited_for() {
        let (ours, mut theirs) = connection();
        let mut patient = Patient::Asked(ours);
        let mut octets = [0; 9];
        let answer = async {
            // Each lets the other go on once: it has looked in vain by then.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            theirs.write_all(b"later")
        };
        let (read, written) = tokio::join!(patient.read(&mut octets), answer);
        written.unwrap();
        assert_eq!(&octets[..read.unwrap()], b"later");
        assert!(matches!(patient, Patient::Watched(_)), "{patient:?}");
    }

    /// What the far side reads at its end of a connection on which it has said something, when ours
    /// has read an answer of six octets and closed.
    async fn after_close(say: impl FnOnce(&mut StdStream)) -> Result<usize, io::ErrorKind> {
        let (ours, mut theirs) = connection();
        say(&mut theirs);
        let mut patient = Patient::Asked(ours);
        patient.read_exact(&mut [0; 6]).await.unwrap();
        patient.close();
        theirs.read(&mut [0]).map_err(|error| error.kind())
    }

    #[tokio::test]
    async fn only_a_connection_that_the_far_side_has_closed_ends_by_a_reset() {
        let closed = after_close(|theirs| {
            theirs.write_all(b"answer").unwrap();
            theirs.shutdown(Shutdown::Write).unwrap();
        });
        assert_eq!(closed.await, Err(io::ErrorKind::ConnectionReset));
        let open = after_close(|theirs| theirs.write_all(b"answer").unwrap());
        assert_eq!(open.await, Ok(0));
    }

    #[tokio::test]
    async fn an_end_and_an_error_are_seen_as_well() {
        let (ours, theirs) = connection();
        drop(theirs);
        let mut patient = Patient::Asked(ours);
        assert_eq!(patient.read(&mut [0; 9]).await.unwrap(), 0);

        let (ours, theirs) = connection();
        SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
        drop(theirs);
        let error = Patient::Asked(ours).read(&mut [0; 9]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
