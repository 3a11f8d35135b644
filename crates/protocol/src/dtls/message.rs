//! Handshake messages: their bodies, their frames, and putting them together from fragments (RFC 6347 §4.2.2, §4.2.3).

use super::{DtlsError, MAX_DATAGRAM, Suite, record};

/// Types (RFC 5246 §7.4).
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const HELLO_VERIFY_REQUEST: u8 = 3;
pub(super) const SERVER_KEY_EXCHANGE: u8 = 12;
pub(super) const SERVER_HELLO_DONE: u8 = 14;
pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;
pub(super) const FINISHED: u8 = 20;

/// The largest message that is put together, in bytes. Our choice: those of this handshake stay below 300.
const MAX_MESSAGE: usize = 2048;
/// How far ahead of its turn a message is kept. Our choice: a flight has three.
const MAX_AHEAD: usize = 4;
/// The head of a handshake message.
const HEAD: usize = 12;
/// A fragment is sent that is at most so long: with both heads it fits one datagram.
const MAX_FRAGMENT: usize = MAX_DATAGRAM - record::HEAD - HEAD;

/// secp256r1 (RFC 8422 §5.1.1), a named curve (§5.4), an uncompressed point (§5.1.2).
const SECP256R1: u16 = 23;
const NAMED_CURVE: u8 = 3;
const POINT: usize = 65;

/// Reads what cannot be trusted.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u24(&mut self) -> Option<usize> {
        let [a, b, c] = self.array()?;
        Some(u32::from_be_bytes([0, a, b, c]) as usize)
    }

    pub(super) fn u48(&mut self) -> Option<u64> {
        let [a, b, c, d, e, f] = self.array()?;
        Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// What a length of one byte stands before.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A fragment of a handshake message: type, length of the whole, number, offset, bytes (RFC 6347 §4.2.2).
    fn fragment(&mut self) -> Option<(u8, usize, u16, usize, &'a [u8])> {
        let (kind, length, number, offset) = (self.u8()?, self.u24()?, self.u16()?, self.u24()?);
        let part = self.u24()?;
        Some((kind, length, number, offset, self.take(part)?))
    }

    fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// A whole handshake message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) number: u16,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// As it counts for the transcript: in one fragment (RFC 6347 §4.2.6).
    pub(super) fn whole(&self) -> Vec<u8> {
        self.fragment(0, self.body.len())
    }

    /// In fragments that fit a datagram.
    pub(super) fn fragments(&self) -> Vec<Vec<u8>> {
        if self.body.is_empty() {
            return vec![self.whole()];
        }
        (0..self.body.len())
            .step_by(MAX_FRAGMENT)
            .map(|offset| self.fragment(offset, MAX_FRAGMENT.min(self.body.len() - offset)))
            .collect()
    }

    fn fragment(&self, offset: usize, length: usize) -> Vec<u8> {
        let u24 = |n: usize| (n as u32).to_be_bytes();
        let body = self.body.get(offset..offset + length).unwrap_or_default();
        let (all, offset, length) = (u24(self.body.len()), u24(offset), u24(length));
        [&[self.kind][..], &all[1..], &self.number.to_be_bytes(), &offset[1..], &length[1..], body].concat()
    }
}

/// Messages that are put together, and handed out in their turn.
#[derive(Default)]
pub(super) struct Assembly {
    /// The number of the next message.
    turn: u16,
    waiting: Vec<Partial>,
}

struct Partial {
    kind: u8,
    number: u16,
    body: Vec<u8>,
    have: Vec<bool>,
}

impl Assembly {
    /// Takes the fragments of one record. The number of the last one of them that had its turn already, if any: the peer
    /// repeats itself. `Finished` is read from protected records only, and all else from those in the clear only.
    ///
    /// # Errors
    /// [`DtlsError::Malformed`]; what came before it in the record is taken.
    pub(super) fn take(&mut self, fragments: &[u8], protected: bool) -> Result<Option<u16>, DtlsError> {
        let mut reader = Reader::new(fragments);
        let mut repeated = None;
        while !reader.is_at_end() {
            let (kind, length, number, offset, part) = reader.fragment().ok_or(DtlsError::Malformed)?;
            if (kind == FINISHED) != protected {
                continue;
            }
            if number < self.turn {
                repeated = repeated.max(Some(number));
                continue;
            }
            if length > MAX_MESSAGE || offset.checked_add(part.len()).is_none_or(|end| end > length) {
                return Err(DtlsError::Malformed);
            }
            if usize::from(number - self.turn) < MAX_AHEAD {
                self.put(kind, number, length, offset, part)?;
            }
        }
        Ok(repeated)
    }

    fn put(&mut self, kind: u8, number: u16, length: usize, offset: usize, part: &[u8]) -> Result<(), DtlsError> {
        let at = self.waiting.iter().position(|partial| partial.number == number);
        let at = at.unwrap_or_else(|| {
            self.waiting.push(Partial { kind, number, body: vec![0; length], have: vec![false; length] });
            self.waiting.len() - 1
        });
        let partial = self.waiting.get_mut(at).ok_or(DtlsError::Malformed)?;
        if partial.kind != kind || partial.body.len() != length {
            return Err(DtlsError::Malformed);
        }
        let range = offset..offset + part.len();
        if let (Some(body), Some(have)) = (partial.body.get_mut(range.clone()), partial.have.get_mut(range)) {
            // What is there already stays: a later fragment cannot change it.
            for ((to, have), from) in body.iter_mut().zip(have).zip(part) {
                if !*have {
                    (*to, *have) = (*from, true);
                }
            }
        }
        Ok(())
    }

    /// The message whose turn it is, once all of it is there.
    pub(super) fn next(&mut self) -> Option<Message> {
        let at = self.waiting.iter().position(|partial| partial.number == self.turn)?;
        if !self.waiting.get(at)?.have.iter().all(|have| *have) {
            return None;
        }
        let Partial { kind, number, body, .. } = self.waiting.swap_remove(at);
        self.turn = self.turn.wrapping_add(1);
        Some(Message { kind, number, body })
    }
}

/// What a ClientHello offers, as far as it matters here.
pub(super) struct ClientHello {
    pub(super) random: [u8; 32],
    pub(super) cookie: Vec<u8>,
    pub(super) suites: Vec<u16>,
}

impl ClientHello {
    pub(super) fn write(&self) -> Vec<u8> {
        // supported_groups and ec_point_formats (RFC 8422 §5.1).
        let extensions = [&[0, 10, 0, 4, 0, 2][..], &SECP256R1.to_be_bytes(), &[0, 11, 0, 2, 1, 0]].concat();
        let suites: Vec<u8> = self.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
        let mut body = [&record::DTLS_1_2[..], &self.random, &[0, self.cookie.len() as u8], &self.cookie].concat();
        body.extend((suites.len() as u16).to_be_bytes());
        body.extend(suites);
        // One compression method: none.
        body.extend([1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        body
    }

    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let version: [u8; 2] = reader.array()?;
        let random = reader.array()?;
        let _session = reader.short()?;
        let cookie = reader.short()?.to_vec();
        let length = reader.u16()?;
        let suites = reader.take(length.into())?.chunks_exact(2);
        let suites = suites.filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes)).collect();
        let compressions = reader.short()?;
        (version == record::DTLS_1_2 && compressions.contains(&0)).then_some(Self { random, cookie, suites })
    }
}

pub(super) fn write_hello_verify_request(cookie: &[u8]) -> Vec<u8> {
    [&record::DTLS_1_2[..], &[cookie.len() as u8], cookie].concat()
}

/// The cookie, which has at least one byte: without, the same hello would be asked for again. The version here is anything
/// (RFC 6347 §4.2.1).
pub(super) fn read_hello_verify_request(body: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(body);
    reader.take(2)?;
    let cookie = reader.short()?.to_vec();
    (reader.is_at_end() && !cookie.is_empty()).then_some(cookie)
}

pub(super) fn write_server_hello(random: &[u8; 32], suite: Suite) -> Vec<u8> {
    [&record::DTLS_1_2[..], random, &[0], &suite.number().to_be_bytes(), &[0]].concat()
}

/// Its random and the suite that was chosen. Extensions are not asked for what they say: none changes this handshake.
pub(super) fn read_server_hello(body: &[u8]) -> Option<([u8; 32], u16)> {
    let mut reader = Reader::new(body);
    let version: [u8; 2] = reader.array()?;
    let random = reader.array()?;
    let _session = reader.short()?;
    let suite = reader.u16()?;
    let compression = reader.u8()?;
    (version == record::DTLS_1_2 && compression == 0).then_some((random, suite))
}

pub(super) fn write_server_key_exchange(point: &[u8]) -> Vec<u8> {
    [&[NAMED_CURVE][..], &SECP256R1.to_be_bytes(), &[point.len() as u8], point].concat()
}

/// The server's point; nobody signed it (RFC 8422 §5.4).
pub(super) fn read_server_key_exchange(body: &[u8]) -> Result<&[u8], DtlsError> {
    let mut reader = Reader::new(body);
    let curve = (reader.u8(), reader.u16());
    if curve != (Some(NAMED_CURVE), Some(SECP256R1)) {
        return Err(DtlsError::NotOffered);
    }
    let point = reader.short().filter(|point| point.len() == POINT && reader.is_at_end());
    point.ok_or(DtlsError::Malformed)
}

pub(super) fn write_client_key_exchange(point: &[u8]) -> Vec<u8> {
    [&[point.len() as u8], point].concat()
}

pub(super) fn read_client_key_exchange(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    reader.short().filter(|point| point.len() == POINT && reader.is_at_end())
}
