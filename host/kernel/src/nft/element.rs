use super::attribute::{Attributes, each, find, text_of, u32_of};
use super::batch::{Batch, Message};
use super::error::{Object, Operation};
use super::expression::{VERDICT, Verdict};
use super::set::Set;
use super::socket::Request;

/// `NFTA_SET_ELEM_LIST_…`
mod list {
    pub(super) const SET: u16 = 2;
    pub(super) const ELEMENTS: u16 = 3;
}
/// `NFTA_SET_ELEM_…`
mod attribute {
    pub(super) const KEY: u16 = 1;
    pub(super) const DATA: u16 = 2;
    pub(super) const FLAGS: u16 = 3;
    pub(super) const KEY_END: u16 = 10;
}
/// `NFTA_LIST_ELEM`
const LIST_ELEMENT: u16 = 1;
/// `NFTA_DATA_VALUE`
const VALUE: u16 = 1;
/// `NFTA_VERDICT_CHAIN`
const CHAIN: u16 = 2;

/// So many elements in one message: a list's length has 16 bits, and an element takes less than 128 bytes.
const MOST_IN_MESSAGE: usize = 500;

/// An element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) key: Vec<u8>,
    /// The key is the first one after an interval.
    pub(super) end: bool,
    /// What the key leads to in a map.
    pub(super) data: Option<Vec<u8>>,
    /// The chain that the key leads to in a map of verdicts.
    pub(super) chain: Option<String>,
    /// The key is the first of each part, and this the last.
    pub(super) last: Option<Vec<u8>>,
}

impl Element {
    /// A single key, or the first of an interval.
    pub(super) fn key(key: impl Into<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            end: false,
            data: None,
            chain: None,
            last: None,
        }
    }

    /// A key of a map and what it leads to.
    pub(super) fn leading_to(key: impl Into<Vec<u8>>, data: impl Into<Vec<u8>>) -> Self {
        Self {
            data: Some(data.into()),
            ..Self::key(key)
        }
    }

    /// A key of a map of verdicts, and the chain that packets go to instead.
    pub(super) fn going_to(key: impl Into<Vec<u8>>, chain: String) -> Self {
        Self {
            chain: Some(chain),
            ..Self::key(key)
        }
    }

    /// A range of each part of the key.
    pub(super) fn ranges(first: impl Into<Vec<u8>>, last: impl Into<Vec<u8>>) -> Self {
        Self {
            last: Some(last.into()),
            ..Self::key(first)
        }
    }

    /// The first key after an interval.
    pub(super) fn end(key: impl Into<Vec<u8>>) -> Self {
        Self {
            end: true,
            ..Self::key(key)
        }
    }

    /// Asks for all elements of a set.
    pub(super) fn request_all(set: &Set) -> Request {
        request(set, None)
    }

    /// Asks for this element.
    pub(super) fn request(&self, set: &Set) -> Request {
        request(set, Some(std::slice::from_ref(self)))
    }

    /// Reads the attributes of one of the kernel's answers.
    pub(super) fn decode(attributes: &[u8], elements: &mut Vec<Self>) -> Option<()> {
        // An empty set's answer has no list.
        let found = find(attributes, list::ELEMENTS).unwrap_or_default();
        for (_, element) in each(found) {
            let flags = find(element, attribute::FLAGS)
                .and_then(u32_of)
                .unwrap_or(0);
            let data = find(element, attribute::DATA);
            let chain = data
                .and_then(|data| find(find(data, VERDICT)?, CHAIN))
                .and_then(text_of);
            let data = data.and_then(|data| find(data, VALUE));
            let last = find(element, attribute::KEY_END).and_then(|last| find(last, VALUE));
            elements.push(Self {
                data: data.map(<[u8]>::to_owned),
                chain: chain.map(str::to_owned),
                key: find(find(element, attribute::KEY)?, VALUE)?.to_owned(),
                last: last.map(<[u8]>::to_owned),
                end: flags & libc::NFT_SET_ELEM_INTERVAL_END as u32 != 0,
            });
        }
        Some(())
    }
}

impl Batch {
    /// The elements are in the set; those that are there already stay.
    pub(super) fn add_elements(&mut self, set: &Set, elements: &[Element]) {
        for some in elements.chunks(MOST_IN_MESSAGE) {
            let message = Message {
                kind: libc::NFT_MSG_NEWSETELEM,
                flags: libc::NLM_F_CREATE,
                family: set.family,
                operation: Operation::Add(Object::Elements),
                name: set.display(),
            };
            self.push(message, |attributes| encode(attributes, set, Some(some)));
        }
    }

    /// Removes elements; one that is not there is an error (ENOENT).
    pub(super) fn delete_elements(&mut self, set: &Set, elements: &[Element]) {
        for some in elements.chunks(MOST_IN_MESSAGE) {
            self.delete(set, Some(some));
        }
    }

    /// Empties the set.
    pub(super) fn delete_all_elements(&mut self, set: &Set) {
        self.delete(set, None);
    }

    fn delete(&mut self, set: &Set, elements: Option<&[Element]>) {
        let message = Message {
            kind: libc::NFT_MSG_DELSETELEM,
            flags: 0,
            family: set.family,
            operation: Operation::Delete(Object::Elements),
            name: set.display(),
        };
        self.push(message, |attributes| encode(attributes, set, elements));
    }
}

fn request(set: &Set, elements: Option<&[Element]>) -> Request {
    let mut payload = Vec::new();
    encode(&mut set.family.attributes(&mut payload), set, elements);
    Request {
        kind: libc::NFT_MSG_GETSETELEM,
        object: Object::Elements,
        name: set.display(),
        payload,
    }
}

/// No list of elements means all of them.
fn encode(attributes: &mut Attributes<'_>, set: &Set, elements: Option<&[Element]>) {
    attributes.text(list::SET, &set.name);
    let Some(elements) = elements else {
        return;
    };
    attributes.nest(list::ELEMENTS, |list| {
        for element in elements {
            list.nest(LIST_ELEMENT, |item| {
                item.nest(attribute::KEY, |key| {
                    key.bytes(VALUE, &element.key);
                });
                if let Some(data) = &element.data {
                    item.nest(attribute::DATA, |value| {
                        value.bytes(VALUE, data);
                    });
                }
                if let Some(chain) = &element.chain {
                    item.nest(attribute::DATA, |value| {
                        value.nest(VERDICT, |it| Verdict::GoTo(chain.clone()).encode(it));
                    });
                }
                if let Some(last) = &element.last {
                    item.nest(attribute::KEY_END, |key| {
                        key.bytes(VALUE, last);
                    });
                }
                if element.end {
                    item.code(attribute::FLAGS, libc::NFT_SET_ELEM_INTERVAL_END);
                }
            });
        }
    });
}
