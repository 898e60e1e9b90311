//! One coding being undone.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as Zstd, Operation};

use super::{Coding, Undecodable};

/// Bytes that one step may write.
const STEP: usize = 16 << 10;
/// The largest window of zstd: what RFC 9659 allows `content-encoding` to need, 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Longest header of a gzip member that is read, in bytes: names and comments that nobody sends.
const GZIP_HEADER: usize = 4 << 10;
/// CRC and size after a gzip member.
const GZIP_TRAILER: usize = 8;

/// One coding being undone.
pub(super) enum Stage {
    Gzip(Box<Gzip>),
    /// zlib as the standard has it, or the bare deflate that some send: its first byte tells.
    Deflate(Option<Box<Decompress>>, bool),
    Brotli(Box<Brotli>),
    /// `None`: no context could be made. True: between two frames.
    Zstd(Option<Zstd<'static>>, bool),
}

/// A step's result: bytes read, bytes written, and whether the coding is at an end there.
struct Step {
    read: usize,
    wrote: usize,
    ended: bool,
}

impl Stage {
    pub(super) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(Box::new(Gzip::new())),
            Coding::Deflate => Self::Deflate(None, false),
            Coding::Brotli => Self::Brotli(Box::new(Brotli::new())),
            Coding::Zstd => {
                let decoder = Zstd::new().and_then(|mut decoder| {
                    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                    Ok(decoder)
                });
                Self::Zstd(decoder.ok(), false)
            }
        }
    }

    /// Returns whether what came so far is whole.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.is_whole(),
            Self::Brotli(brotli) => brotli.ended,
            Self::Deflate(_, ended) | Self::Zstd(_, ended) => *ended,
        }
    }

    /// Appends all that `input` tells to `out`, `most` bytes at most.
    pub(super) fn run(
        &mut self,
        mut input: &[u8],
        most: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        if input.is_empty() {
            return Ok(());
        }
        let mut buffer = [0; STEP];
        loop {
            let step = self.step(input, &mut buffer)?;
            let wrote = buffer.get(..step.wrote).unwrap_or_default();
            out.extend_from_slice(wrote);
            if out.len() as u64 > most {
                return Err(Undecodable::TooLarge);
            }
            input = input.get(step.read..).unwrap_or_default();
            match (input.is_empty(), step.read + step.wrote) {
                (true, _) if step.wrote < STEP => return Ok(()),
                // Bytes after the end are not padding that anybody agreed on.
                (false, 0) => return Err(Undecodable::Corrupt),
                _ => {}
            }
        }
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Undecodable> {
        match self {
            Self::Gzip(gzip) => gzip.step(input, out),
            Self::Brotli(brotli) => brotli.step(input, out),
            Self::Deflate(decoder, ended) => {
                // A bare deflate that began like this would be a stored block with bits set in its
                // padding.
                let zlib = input.first().is_some_and(|first| first & 0x0f == 8);
                let decoder = decoder.get_or_insert_with(|| Box::new(Decompress::new(zlib)));
                let step = deflate(decoder, input, out)?;
                *ended = step.ended;
                Ok(step)
            }
            Self::Zstd(decoder, ended) => {
                let decoder = decoder.as_mut().ok_or(Undecodable::NoRoom)?;
                if input.is_empty() && *ended {
                    // Asked once more it would begin a frame that nobody sent.
                    return Ok(Step {
                        read: 0,
                        wrote: 0,
                        ended: true,
                    });
                }
                let status = decoder.run_on_buffers(input, out);
                let status = status.map_err(|_| Undecodable::Corrupt)?;
                *ended = status.remaining == 0;
                Ok(Step {
                    read: status.bytes_read,
                    wrote: status.bytes_written,
                    ended: *ended,
                })
            }
        }
    }
}

fn deflate(decoder: &mut Decompress, input: &[u8], out: &mut [u8]) -> Result<Step, Undecodable> {
    let before = (decoder.total_in(), decoder.total_out());
    let status = decoder.decompress(input, out, FlushDecompress::None);
    let status = status.map_err(|_| Undecodable::Corrupt)?;
    Ok(Step {
        read: (decoder.total_in() - before.0) as usize,
        wrote: (decoder.total_out() - before.1) as usize,
        ended: status == Status::StreamEnd,
    })
}

/// gzip (RFC 1952): members one after another, each a header, deflate and a checksum.
pub(super) struct Gzip {
    part: Part,
    /// Header or trailer so far.
    head: Vec<u8>,
    crc: Crc,
    deflate: Decompress,
}

#[derive(PartialEq, Eq)]
enum Part {
    Header,
    Deflate,
    Trailer,
}

impl Gzip {
    fn new() -> Self {
        Self {
            part: Part::Header,
            head: Vec::new(),
            crc: Crc::new(),
            deflate: Decompress::new(false),
        }
    }

    fn is_whole(&self) -> bool {
        self.part == Part::Header && self.head.is_empty()
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Undecodable> {
        match self.part {
            Part::Header => {
                let before = self.head.len();
                self.head.extend(input.iter().take(GZIP_HEADER + 1));
                let Some(length) = header(&self.head)? else {
                    if self.head.len() > GZIP_HEADER {
                        return Err(Undecodable::Corrupt);
                    }
                    return Ok(read(self.head.len() - before));
                };
                self.part = Part::Deflate;
                self.head.clear();
                Ok(read(length - before))
            }
            Part::Deflate => {
                let step = deflate(&mut self.deflate, input, out)?;
                self.crc.update(out.get(..step.wrote).unwrap_or_default());
                if step.ended {
                    self.part = Part::Trailer;
                }
                Ok(step)
            }
            Part::Trailer => {
                let missing = GZIP_TRAILER - self.head.len();
                let some = input.get(..missing.min(input.len())).unwrap_or_default();
                self.head.extend_from_slice(some);
                if self.head.len() == GZIP_TRAILER {
                    let sum = self.crc.sum().to_le_bytes();
                    let amount = self.crc.amount().to_le_bytes();
                    if self.head != [sum, amount].concat() {
                        return Err(Undecodable::Corrupt);
                    }
                    let read = some.len();
                    *self = Self::new();
                    return Ok(self::read(read));
                }
                Ok(read(some.len()))
            }
        }
    }
}

const fn read(read: usize) -> Step {
    Step {
        read,
        wrote: 0,
        ended: false,
    }
}

/// The length of a member's header; `None` where it is not whole yet.
fn header(bytes: &[u8]) -> Result<Option<usize>, Undecodable> {
    const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
    let known = bytes.len().min(MAGIC.len());
    if bytes.get(..known) != MAGIC.get(..known) {
        return Err(Undecodable::Corrupt);
    }
    let Some(flags) = bytes.get(3).filter(|_| bytes.len() >= 10) else {
        return Ok(None);
    };
    if flags & 0xe0 != 0 {
        return Err(Undecodable::Corrupt); // reserved: "must be zero"
    }
    let mut at = 10;
    if flags & 4 != 0 {
        let Some(&[low, high]) = bytes.get(at..at + 2) else {
            return Ok(None);
        };
        at += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let text = bytes.get(at..).unwrap_or_default();
            let Some(end) = memchr::memchr(0, text) else {
                return Ok(None);
            };
            at += end + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    Ok((at <= bytes.len()).then_some(at))
}

/// Brotli, without the large windows that HTTP does not know: 16 MiB at the most.
pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: bool,
}

impl Brotli {
    fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self {
            state: BrotliState::new_strict(alloc(), alloc(), alloc()),
            ended: false,
        }
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Undecodable> {
        if self.ended {
            return Ok(Step {
                read: 0,
                wrote: 0,
                ended: true,
            });
        }
        let (mut left, mut read) = (input.len(), 0);
        let (mut free, mut wrote, mut total) = (out.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            input,
            &mut free,
            &mut wrote,
            out,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(Undecodable::Corrupt),
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(Step {
            read,
            wrote,
            ended: self.ended,
        })
    }
}
