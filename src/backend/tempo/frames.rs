//! The frames of a stream of gRPC as a region sends it: whole messages, and the status after them.
//!
//! A stream that ends within a message, or without a status, is cut off, whatever was said before: what is missing
//! may be rows. Nothing is kept room for before it is there. What is read and what is unpacked of it stands in the ledger
//! until it is let go of.

use std::io::{Read, Write};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http_body_util::BodyExt;
use reqwest::Body;
use tonic::{Code, Status};

use super::transport;
use crate::backend::body::{MEMORY_PATIENCE, held, make_room};
use crate::backend::{Fault, fault};
use crate::task::ledger::{Hold, Ledger};

/// In front of each message: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;

/// Unpacked at a time, between two looks at whether there is room.
const PIECE_BYTES: usize = 16 << 10;

/// Why there is no next message.
#[derive(Debug)]
pub(super) enum End {
    /// All was sent.
    Well,
    /// The region said so.
    Status(Box<Status>),
    Fault(Fault),
}

/// A stream that is read.
#[derive(Debug)]
pub(super) struct Frames {
    body: Body,
    read: BytesMut,
    trailers: Option<HeaderMap>,
    /// Of all messages, unpacked, what may still come.
    left: u64,
    bytes_max: u64,
    ledger: Ledger,
    /// Of what is read and not taken.
    hold: Hold,
}

impl Frames {
    /// Whatever the messages are, together they have no more than `bytes_max` bytes.
    pub(super) fn new(body: Body, bytes_max: u64, ledger: Ledger) -> Self {
        let hold = Hold::default();
        Self { body, read: BytesMut::new(), trailers: None, left: bytes_max, bytes_max, ledger, hold }
    }

    pub(super) async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            if let Some(message) = self.take().await.map_err(End::Fault)? {
                return Ok(message);
            }
            match self.body.frame().await {
                None => return Err(self.end()),
                Some(Err(error)) => return Err(End::Fault(transport::within_body(&error.without_url()))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.make_room(data.len()).await?;
                        self.read.extend_from_slice(&data);
                    }
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
            }
        }
    }

    /// Messages that were taken are no longer held here.
    async fn make_room(&mut self, bytes: usize) -> Result<(), End> {
        let wanted = (self.read.len() + bytes) as u64;
        if !self.hold.is_counted() {
            self.hold = self.ledger.try_hold(0).map_err(|_| End::Fault(fault::no_room()))?;
        }
        self.hold.shrink_to(wanted);
        let more = self.hold.missing_for(wanted);
        self.hold.grow(more, MEMORY_PATIENCE).await.map_err(|_| End::Fault(fault::no_room()))
    }

    /// The next message, if it is here.
    async fn take(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(mut head) = self.read.get(..HEAD_BYTES) else { return Ok(None) };
        let (is_packed, length) = (head.get_u8(), u64::from(head.get_u32()));
        // An empty message is some bytes, too. One that is too large to come is not waited for.
        let rest = self.left.checked_sub(HEAD_BYTES as u64).filter(|left| length <= *left);
        self.left = rest.ok_or_else(|| fault::over_cap(self.bytes_max))?;
        let whole = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(HEAD_BYTES);
        if self.read.len() < whole {
            self.left = self.left.saturating_add(HEAD_BYTES as u64);
            return Ok(None);
        }
        let mut message = self.read.split_to(whole).freeze();
        message.advance(HEAD_BYTES);
        let message = match is_packed {
            0 => message,
            1 => unpacked(&message, self.left, &self.ledger).await?,
            _ => return Err(fault::no_answer_to_query()),
        };
        let rest = self.left.checked_sub(message.len() as u64);
        self.left = rest.ok_or_else(|| fault::over_cap(self.bytes_max))?;
        Ok(Some(message))
    }

    fn end(&mut self) -> End {
        let status = self.trailers.take().and_then(|trailers| Status::from_header_map(&trailers));
        match status {
            Some(status) if status.code() != Code::Ok => End::Status(Box::new(status)),
            Some(_) if self.read.is_empty() => End::Well,
            _ => End::Fault(fault::cut_off()),
        }
    }
}

/// One byte beyond the limit tells that there is more. A few bytes may unpack into a thousand times as many, so there is
/// looked for room as they come.
async fn unpacked(message: &[u8], bytes_max: u64, ledger: &Ledger) -> Result<Bytes, Fault> {
    let mut hold = ledger.try_hold(0).map_err(|_| fault::no_room())?;
    let mut packed = GzDecoder::new(message).take(bytes_max.saturating_add(1));
    let (mut out, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
    loop {
        let read = packed.read(&mut piece).map_err(|_| fault::bad_encoding())?;
        let Some(more) = piece.get(..read).filter(|more| !more.is_empty()) else { break };
        make_room(&mut hold, (out.len(), out.capacity()), more.len()).await.map_err(|_| fault::no_room())?;
        out.extend_from_slice(more);
    }
    hold.shrink_to(out.capacity() as u64);
    Ok(held(out.into(), hold))
}

/// A message as it stands in a body, as it is.
pub(super) fn bare(message: &[u8]) -> Bytes {
    frame(0, message)
}

/// The same, compressed.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let written = packed.write_all(message).and_then(|()| packed.finish());
    // Into memory nothing fails.
    frame(1, &written.unwrap_or_default())
}

fn frame(is_packed: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEAD_BYTES + message.len());
    frame.put_u8(is_packed);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RegionStatus;
    use futures::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    /// What is read of a body that comes in pieces of so many bytes.
    async fn read(bytes: &[u8], piece: usize, bytes_max: u64, status: Option<&str>) -> (Vec<Bytes>, End) {
        read_within(bytes, piece, bytes_max, status, Ledger::unlimited()).await
    }

    async fn read_within(
        bytes: &[u8],
        piece: usize,
        bytes_max: u64,
        status: Option<&str>,
        ledger: Ledger,
    ) -> (Vec<Bytes>, End) {
        let data = bytes.chunks(piece).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))));
        let trailers = status.map(|status| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().unwrap());
            Ok::<_, std::io::Error>(Frame::trailers(trailers))
        });
        let frames: Vec<_> = data.chain(trailers).collect();
        let mut frames = Frames::new(Body::wrap(StreamBody::new(stream::iter(frames))), bytes_max, ledger);
        let mut messages = Vec::new();
        loop {
            match frames.next().await {
                Ok(message) => messages.push(message),
                Err(end) => return (messages, end),
            }
        }
    }

    #[tokio::test]
    async fn messages_are_whole_however_they_come() {
        let sent = [bare(b"one"), framed(b"two"), bare(b""), framed(&[7; 5000])].concat();
        for piece in [1, 3, 7, 4096] {
            let (messages, end) = read(&sent, piece, 6000, Some("0")).await;
            assert_eq!(messages, [&b"one"[..], b"two", b"", &[7; 5000]]);
            assert!(matches!(end, End::Well), "{end:?}");
        }
    }

    #[tokio::test]
    async fn a_stream_without_its_end_is_cut_off() {
        let sent = bare(b"one");
        let within = [&sent[..], &[0, 0, 0, 0, 9, 1]].concat();
        for (sent, status) in [(&sent[..], None), (&within, Some("0")), (&within, None)] {
            let (messages, end) = read(sent, 4, 100, status).await;
            assert_eq!(messages, ["one"]);
            assert!(matches!(end, End::Fault(fault) if fault.status == RegionStatus::CutOff));
        }
        let (_, end) = read(&within, 4, 100, Some("13")).await;
        assert!(matches!(end, End::Status(status) if status.code() == Code::Internal), "it says why itself");
    }

    #[tokio::test]
    async fn no_more_is_read_than_is_allowed_packed_or_not() {
        let large = |end: End| matches!(end, End::Fault(fault) if fault.status == RegionStatus::TooLarge);
        assert!(large(read(&[0, 255, 255, 255, 255], 5, 1 << 20, None).await.1), "it is not waited for");
        assert!(large(read(&framed(&[0; 1 << 20]), 64, 1 << 16, Some("0")).await.1));
        assert!(large(read(&bare(b"").repeat(100), 64, 400, Some("0")).await.1));
        for wrong in [&[1, 0, 0, 0, 1, 9][..], &[7, 0, 0, 0, 0]] {
            let (_, end) = read(wrong, 64, 100, Some("0")).await;
            assert!(matches!(end, End::Fault(fault) if fault.status == RegionStatus::Malformed));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_unpacked_is_held_until_it_is_let_go_of_and_what_does_not_fit_is_not_unpacked() {
        const LARGE: usize = 1 << 20;
        let sent = framed(&vec![0; LARGE]);
        assert!(sent.len() < 16 << 10, "it comes in a few bytes: {}", sent.len());
        let ledger = Ledger::new(16 << 20);
        let (messages, end) = read_within(&sent, 4096, 2 << 20, Some("0"), ledger.clone()).await;
        assert!(matches!(end, End::Well), "{end:?}");
        assert!(ledger.numbers().held >= LARGE as u64, "{:?}", ledger.numbers());
        drop(messages);
        assert_eq!(ledger.numbers().held, 0);
        let little = Ledger::new(LARGE as u64 / 2);
        let (messages, end) = read_within(&sent, 4096, 2 << 20, Some("0"), little.clone()).await;
        assert!(messages.is_empty());
        assert!(matches!(end, End::Fault(fault) if fault.status == RegionStatus::Limited));
        assert_eq!(little.numbers().held, 0);
    }
}
