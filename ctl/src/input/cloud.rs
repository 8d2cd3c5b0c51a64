//! cloud-init's data: where a machine gets it, and what it says.

use std::rc::Rc;

use super::read::Reader;
use super::text::Text;
use crate::source::Place;
use crate::yaml::{Entry, Node};

/// One text for cloud-init.
#[derive(Debug)]
pub(crate) struct CloudText {
    pub(crate) text: Rc<Text>,
    /// Its document; `None` where it is none, or is a template that is filled in by the guest.
    pub(crate) root: Option<Rc<Node>>,
}

impl CloudText {
    pub(crate) fn read(text: Rc<Text>, reader: &mut Reader, user_data: bool) -> Self {
        let yaml = !user_data || text.content.starts_with("#cloud-config");
        let root = if yaml { reader.parse(&text).into_iter().next() } else { None };
        Self { text, root }
    }
}

/// What a volume says about one of the two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    /// The guest gets none.
    Absent,
    /// It comes from what is not among the inputs.
    Unknown,
    /// Index into the texts.
    Known(usize),
}

impl Data {
    pub(crate) fn known(self, texts: &[CloudText]) -> Option<&CloudText> {
        match self {
            Self::Known(index) => texts.get(index),
            _ => None,
        }
    }
}

/// The cloud-init volume of a machine.
#[derive(Debug)]
pub(crate) struct CloudInit {
    /// Of the key `cloudInitNoCloud` or `cloudInitConfigDrive`.
    pub(crate) place: Place,
    pub(crate) source: Rc<Node>,
    pub(crate) user: Data,
    pub(crate) network: Data,
}

/// The names of one of the two texts.
pub(crate) struct Names {
    pub(crate) inline: &'static str,
    pub(crate) base64: &'static str,
    pub(crate) reference: &'static str,
    /// The keys in a secret.
    pub(crate) keys: [&'static str; 2],
}

pub(crate) const USER: Names = Names {
    inline: "userData",
    base64: "userDataBase64",
    reference: "secretRef",
    keys: ["userdata", "userData"],
};

pub(crate) const NETWORK: Names = Names {
    inline: "networkData",
    base64: "networkDataBase64",
    reference: "networkDataSecretRef",
    keys: ["networkdata", "networkData"],
};

/// The cloud-init volume among a machine's.
pub(crate) fn volume(spec: &Node) -> Option<&Entry> {
    spec.list(&["volumes"]).find_map(|volume| {
        volume.entry("cloudInitNoCloud").or_else(|| volume.entry("cloudInitConfigDrive"))
    })
}
