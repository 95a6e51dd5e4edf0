use anyhow::Result;
use wasm_cni_tests::Node;

/// What Debian's release of the reference plugins, 1.1.1, does in a case.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reference {
    /// What it should.
    Passes,
    /// Something else, with this in the judgement.
    Fails(&'static str),
    /// They can't be asked: what the case is about came later, or what they do differs from run to run.
    LeftOut,
}

type Run = Box<dyn Fn(&Node) -> Result<()> + Send + Sync>;

/// One thing that a plugin must do, and how to see whether it has.
pub(crate) struct Case {
    plugin: &'static str,
    title: String,
    others: &'static [&'static str],
    /// What the reference plugins do.
    pub(crate) reference: Reference,
    prepare: fn(&Node) -> Result<()>,
    run: Run,
}

impl Case {
    /// A case in which the reference plugins do what they should.
    pub(crate) fn new(
        title: impl Into<String>,
        run: impl Fn(&Node) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            plugin: "",
            title: title.into(),
            others: &[],
            reference: Reference::Passes,
            prepare: |_| Ok(()),
            run: Box::new(run),
        }
    }

    /// The plugin that the case is about.
    pub(crate) fn of(mut self, plugin: &'static str) -> Self {
        self.plugin = plugin;
        self
    }

    /// Other plugins that the case calls or that are called by delegation.
    pub(crate) fn with(mut self, others: &'static [&'static str]) -> Self {
        self.others = others;
        self
    }

    /// The reference plugin gets it wrong, and the judgement says this. Why stands beside the case.
    pub(crate) fn reference_fails(mut self, judgement: &'static str) -> Self {
        self.reference = Reference::Fails(judgement);
        self
    }

    /// The reference plugins can't be asked: they lack what the case is about, or do now this, now that.
    pub(crate) fn reference_left_out(mut self) -> Self {
        self.reference = Reference::LeftOut;
        self
    }

    /// What is done on the node before the case runs.
    pub(crate) fn after(mut self, prepare: fn(&Node) -> Result<()>) -> Self {
        self.prepare = prepare;
        self
    }

    /// The plugin that it is about.
    pub(crate) fn plugin(&self) -> &'static str {
        self.plugin
    }

    /// `bridge::masquerade`
    pub(crate) fn name(&self) -> String {
        format!("{}::{}", self.plugin, self.title)
    }

    /// The executables that it needs.
    pub(crate) fn plugins(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.plugin).chain(self.others.iter().copied())
    }

    /// Does it on a node.
    pub(crate) fn run(&self, node: &Node) -> Result<()> {
        (self.prepare)(node)?;
        (self.run)(node)
    }
}

/// A [`Case`] with its function's name as title.
macro_rules! case {
    ($run:ident) => {
        crate::case::Case::new(stringify!($run), $run)
    };
}
pub(crate) use case;

/// Cases of one plugin, with the other plugins that all of them need.
pub(crate) fn group(
    plugin: &'static str,
    others: &'static [&'static str],
    cases: impl IntoIterator<Item = Case>,
) -> Vec<Case> {
    let of = |case: Case| {
        let others = if case.others.is_empty() {
            others
        } else {
            case.others
        };
        case.of(plugin).with(others)
    };
    cases.into_iter().map(of).collect()
}
