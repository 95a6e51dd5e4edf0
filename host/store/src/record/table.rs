use std::hash::{BuildHasher, RandomState};

use plan::{AttachmentKey, NetworkTag};

use super::{Record, RecordState};
use crate::key::{Key, Parts, Table};
use crate::lease::{self, CoolDown, Lease};
use crate::port_claim;
use crate::storage::{self, StorageChanges};
use crate::transaction::{View, Writing};
use crate::{Store, StoreError};

/// Records that one page holds, so that no read transaction is long.
const PAGE: usize = 256;

/// The numbers of link groups: ours begin with "WCN", far from those that people choose, and stay positive as i32.
const FIRST_GROUP: u32 = 0x5743_4e00;
const LAST_GROUP: u32 = 0x7fff_ffff;

/// A part of the list of records.
#[derive(Debug, Default)]
pub struct RecordPage {
    /// Sorted by the attachments' keys.
    pub records: Vec<Record>,
    /// Records that this version can't read.
    pub unreadable: Vec<UnreadableRecord>,
    /// Give this to get the next page; None: there is no more.
    pub next: Option<AttachmentKey>,
}

/// A record that can't be read.
#[derive(Debug)]
pub struct UnreadableRecord {
    /// Whose it is.
    pub attachment: AttachmentKey,
    /// Why not.
    pub error: StoreError,
}

/// What [`Store::remove`] removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// There was a record.
    pub record: bool,
    /// The leases that were released, as they were.
    pub leases: Vec<Lease>,
}

impl Store {
    /// A number for the attachment's links that no other record has: the one after the last that was given out. A new
    /// store begins anywhere among the first 65,536, so that one that was removed while containers live does not begin with
    /// what it gave out last.
    ///
    /// # Errors
    /// The store's own.
    pub fn next_group(&self) -> Result<u32, StoreError> {
        let counter = Key::of(Table::Meta).bytes(b"group");
        self.volatile().write(|w| {
            let mut group = match w.view().get(&counter)? {
                Some(value) => Parts::of_value(value).u32()?,
                None => FIRST_GROUP + u32::from(any_number()),
            };
            while w.view().get(&group_key(group))?.is_some() {
                group = following(group);
            }
            w.put(&counter, &following(group).to_be_bytes())?;
            Ok(group)
        })
    }

    /// Writes a record as pending, together with what guests wrote in attachment scope: in one transaction, in which what
    /// they read is compared again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another call has changed what a guest read: nothing is written, run the guests again.
    /// [`StoreError::PortTaken`] if a step forwards a port of the host that belongs to another attachment: nothing is
    /// written.
    pub fn put_pending(
        &self,
        record: &Record,
        changes: Option<&StorageChanges>,
    ) -> Result<(), StoreError> {
        self.require_finished()?;
        let value = record.encode(RecordState::Pending)?;
        if let Some(changes) = changes {
            changes.check_durable(self.durable())?;
        }
        self.volatile().write_growing(|w| {
            if let Some(changes) = changes {
                changes.commit_attachment_scope(w)?;
            }
            put(w, record, &value)
        })
    }

    /// Writes the record as applied; its pending leases are held from now on.
    ///
    /// # Errors
    /// [`StoreError::NoRecord`] if it was removed meanwhile.
    pub fn mark_applied(&self, record: &Record) -> Result<(), StoreError> {
        let attachment = record.attachment.key();
        let value = record.encode(RecordState::Applied)?;
        self.volatile().write(|w| {
            if w.view().get(&record_key(&attachment))?.is_none() {
                return Err(StoreError::NoRecord(record.attachment.clone()));
            }
            put(w, record, &value)?;
            lease::hold_pending(w, &attachment)
        })
    }

    /// The attachment's record.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it can't be read.
    pub fn record(&self, attachment: &AttachmentKey) -> Result<Option<Record>, StoreError> {
        self.volatile()
            .read(|view| view.get(&record_key(attachment))?.map(decode).transpose())
    }

    /// The attachment is proven gone: its record and storage vanish and its leases, the quarantined too, cool down; in one
    /// transaction. Succeeds if there is nothing.
    ///
    /// # Errors
    /// The store's own.
    pub fn remove(
        &self,
        attachment: &AttachmentKey,
        cool_down: CoolDown,
    ) -> Result<Removed, StoreError> {
        self.volatile().write(|w| {
            let leases = lease::cool_all(w, attachment, cool_down)?;
            storage::remove_attachment(w, attachment)?;
            port_claim::release_all(w, attachment)?;
            let record = remove_record(w, attachment)?;
            Ok(Removed { record, leases })
        })
    }

    /// A page of all records, behind `after`; they can change between two pages.
    ///
    /// # Errors
    /// The store's own; records that can't be read are part of the page.
    pub fn records(&self, after: Option<AttachmentKey>) -> Result<RecordPage, StoreError> {
        let after = after.map(|after| record_key(&after));
        self.volatile().read(|view| {
            let mut page = RecordPage::default();
            let entries = view.scan(Key::of(Table::Record), after.as_deref())?;
            for (number, entry) in entries.take(PAGE).enumerate() {
                let (key, value) = entry?;
                let attachment = Parts::of_key(key).attachment()?;
                page.push(number, attachment, decode(value));
            }
            Ok(page)
        })
    }

    /// A page of one network's records, behind `after`.
    ///
    /// # Errors
    /// As [`Store::records`].
    pub fn records_of_network(
        &self,
        network: NetworkTag,
        after: Option<AttachmentKey>,
    ) -> Result<RecordPage, StoreError> {
        let prefix = network_key(network);
        let after = after.map(|after| prefix.clone().attachment(&after));
        self.volatile().read(|view| {
            let mut page = RecordPage::default();
            for (number, entry) in view.scan(prefix, after.as_deref())?.take(PAGE).enumerate() {
                let mut parts = Parts::of_key(entry?.0);
                parts.network()?;
                let attachment = parts.attachment()?;
                let value = view.get(&record_key(&attachment))?;
                let value = value.ok_or(StoreError::corrupt("an index of records"))?;
                page.push(number, attachment, decode(value));
            }
            Ok(page)
        })
    }

    /// At most so many attachments on record other than this one: those whose keys follow its own, from the first again
    /// behind the last. Keys are hashes, so each attachment has other neighbours.
    ///
    /// # Errors
    /// The store's own.
    pub fn neighbours(
        &self,
        attachment: &AttachmentKey,
        most: usize,
    ) -> Result<Vec<AttachmentKey>, StoreError> {
        let own = record_key(attachment);
        let all = || Key::of(Table::Record);
        self.volatile().read(|view| {
            let behind = view.scan(all(), Some(&own))?;
            let before = view.scan(all(), None)?;
            let before = before.take_while(|entry| match entry {
                Ok((key, _)) => *key < &own[..],
                Err(_) => true,
            });
            let mut neighbours = Vec::new();
            for entry in behind.chain(before).take(most) {
                neighbours.push(Parts::of_key(entry?.0).attachment()?);
            }
            Ok(neighbours)
        })
    }

    /// The records of all attachments of one container, in the order in which they were begun.
    ///
    /// # Errors
    /// The store's own; a record that can't be read is left out.
    pub fn records_in_netns(&self, cookie: u64) -> Result<Vec<Record>, StoreError> {
        self.volatile().read(|view| {
            let mut records = Vec::new();
            for entry in view.scan(netns_key(cookie), None)? {
                let mut parts = Parts::of_key(entry?.0);
                parts.u64()?;
                let value = view.get(&record_key(&parts.attachment()?))?;
                records.extend(value.and_then(|value| decode(value).ok()));
            }
            let is_inside = |record: &Record| {
                let netns = record.netns.as_ref();
                netns.is_some_and(|netns| netns.cookie == cookie)
            };
            records.retain(is_inside);
            records.sort_by_key(|record| record.created_at);
            Ok(records)
        })
    }
}

impl RecordPage {
    fn push(
        &mut self,
        number: usize,
        attachment: AttachmentKey,
        record: Result<Record, StoreError>,
    ) {
        match record {
            Ok(record) => self.records.push(record),
            Err(error) => self.unreadable.push(UnreadableRecord { attachment, error }),
        }
        if number + 1 == PAGE {
            self.next = Some(attachment);
        }
    }
}

/// By the system's random numbers, with which each process seeds its hashes.
fn any_number() -> u16 {
    let [low, high, ..] = RandomState::new().hash_one(0).to_ne_bytes();
    u16::from_ne_bytes([low, high])
}

fn following(group: u32) -> u32 {
    if (FIRST_GROUP..LAST_GROUP).contains(&group) {
        group + 1
    } else {
        FIRST_GROUP
    }
}

pub(crate) fn record_key(attachment: &AttachmentKey) -> Key {
    Key::of(Table::Record).attachment(attachment)
}

fn network_key(network: NetworkTag) -> Key {
    Key::of(Table::RecordOfNetwork).network(network)
}

fn netns_key(cookie: u64) -> Key {
    Key::of(Table::RecordOfNetns).bytes(&cookie.to_be_bytes())
}

fn group_key(group: u32) -> Key {
    Key::of(Table::Group).bytes(&group.to_be_bytes())
}

/// What stands in front of a record's JSON, so that one that can't be read can be listed and removed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    network: NetworkTag,
    group: u32,
}

impl Header {
    fn split(value: &[u8]) -> Result<(Self, &[u8]), StoreError> {
        let mut parts = Parts::of_value(value);
        let header = Self {
            network: parts.network()?,
            group: parts.u32()?,
        };
        Ok((header, parts.rest()))
    }

    fn with(self, json: &[u8]) -> Vec<u8> {
        let head = [self.network.as_bytes(), &self.group.to_be_bytes()[..]].concat();
        [&head, json].concat()
    }
}

pub(crate) fn decode(value: &[u8]) -> Result<Record, StoreError> {
    let (_, json) = Header::split(value)?;
    Record::decode(json)
}

fn put(w: &mut Writing<'_>, record: &Record, json: &[u8]) -> Result<(), StoreError> {
    let attachment = record.attachment.key();
    let header = Header {
        network: record.attachment.network_tag(),
        group: record.group,
    };
    if let Some(old) = header_of(w.view(), &attachment)?
        && old != header
    {
        remove_indexes(w, &attachment, old)?;
    }
    port_claim::settle(w, record)?;
    w.put(&record_key(&attachment), &header.with(json))?;
    w.put(&network_key(header.network).attachment(&attachment), &[])?;
    if let Some(netns) = &record.netns {
        w.put(&netns_key(netns.cookie).attachment(&attachment), &[])?;
    }
    w.put(&group_key(record.group), attachment.as_bytes())
}

fn remove_record(w: &mut Writing<'_>, attachment: &AttachmentKey) -> Result<bool, StoreError> {
    if let Some(header) = header_of(w.view(), attachment)? {
        remove_indexes(w, attachment, header)?;
    }
    w.delete(&record_key(attachment))
}

fn header_of(view: View<'_>, attachment: &AttachmentKey) -> Result<Option<Header>, StoreError> {
    let value = view.get(&record_key(attachment))?;
    Ok(value
        .map(Header::split)
        .transpose()?
        .map(|(header, _)| header))
}

fn remove_indexes(
    w: &mut Writing<'_>,
    attachment: &AttachmentKey,
    header: Header,
) -> Result<(), StoreError> {
    w.delete(&network_key(header.network).attachment(attachment))?;
    let value = w.view().get(&record_key(attachment))?;
    let netns = value.and_then(|value| decode(value).ok()?.netns);
    if let Some(netns) = netns {
        w.delete(&netns_key(netns.cookie).attachment(attachment))?;
    }
    let group = group_key(header.group);
    if w.view().get(&group)? == Some(attachment.as_bytes()) {
        w.delete(&group)?;
    }
    Ok(())
}
