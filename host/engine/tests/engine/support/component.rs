use std::collections::BTreeSet;

use engine::Role;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A plugin written as the text of a core module: for each role five functions that succeed with nothing, and what a test
/// puts in their place.
///
/// The functions return the address of their answer. [`ANSWER`] points to zeroes: success, and an empty allocation. What
/// the host hands in is laid from 4096 upwards.
#[derive(Clone)]
pub(crate) struct Guest {
    /// Imports, in the text format.
    imports: String,
    /// Functions, globals, memories and a start function.
    parts: String,
    /// Pages of the memory.
    pages: u32,
    roles: Vec<Role>,
    validate: String,
    allocate: String,
    amend: String,
    /// `check` of a policy.
    check: String,
    /// Interfaces beyond ours.
    interfaces: BTreeSet<String>,
}

/// Where an answer is written by default.
const ANSWER: &str = "(i32.const 16)";

const WASI: [&str; 7] = [
    include_str!("wasi/io.wit"),
    include_str!("wasi/clocks.wit"),
    include_str!("wasi/random.wit"),
    include_str!("wasi/filesystem.wit"),
    include_str!("wasi/sockets.wit"),
    include_str!("wasi/cli.wit"),
    "package evil:host@0.1.0; interface exec { run: func(); }",
];

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: String::new(),
            parts: String::new(),
            pages: 2,
            roles: vec![Role::Ipam],
            validate: ANSWER.to_owned(),
            allocate: ANSWER.to_owned(),
            amend: ANSWER.to_owned(),
            check: ANSWER.to_owned(),
            interfaces: BTreeSet::new(),
        }
    }
}

impl Guest {
    /// A plugin whose `allocate` does this.
    pub(crate) fn allocating(allocate: &str) -> Self {
        Self {
            allocate: allocate.to_owned(),
            ..Self::default()
        }
    }

    /// A policy whose `amend` does this and then succeeds.
    pub(crate) fn amending(amend: &str) -> Self {
        Self {
            roles: vec![Role::Policy],
            amend: format!("{amend} {ANSWER}"),
            ..Self::default()
        }
    }

    /// A policy whose `check` does this and then succeeds.
    pub(crate) fn checking(check: &str) -> Self {
        Self {
            roles: vec![Role::Policy],
            check: format!("{check} {ANSWER}"),
            ..Self::default()
        }
    }

    pub(crate) fn roles(self, roles: &[Role]) -> Self {
        Self {
            roles: roles.to_vec(),
            ..self
        }
    }

    /// A plugin whose `validate` does this; parameters 0 and 1 are the configuration's address and length.
    pub(crate) fn validating(validate: &str) -> Self {
        Self {
            validate: validate.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn import(mut self, interface: &str, function: &str, ty: &str) -> Self {
        let name = function
            .trim_start_matches('[')
            .replace(['[', ']', '.'], "-");
        self.imports += &format!("(import \"{interface}\" \"{function}\" (func ${name} {ty}))\n");
        if !interface.starts_with("wasm-cni:") {
            self.interfaces.insert(interface.to_owned());
        }
        self
    }

    pub(crate) fn part(mut self, part: &str) -> Self {
        self.parts += part;
        self
    }

    pub(crate) fn pages(self, pages: u32) -> Self {
        Self { pages, ..self }
    }

    pub(crate) fn component(&self) -> Vec<u8> {
        let Self {
            imports,
            parts,
            pages,
            ..
        } = self;
        let exports: String = self.roles.iter().map(|role| self.exports(*role)).collect();
        let module = format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                {parts}
                (global $next (mut i32) (i32.const 4096))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                    (global.set $next (i32.add (local.get $at) (local.get 3)))
                    (local.get $at))
                {exports})"#
        );
        let include = |role: &Role| format!("include wasm-cni:plugin/{role}-plugin@0.1.0;\n");
        let import = |interface: &String| format!("import {interface};\n");
        let includes = self.roles.iter().map(include);
        let imports = self.interfaces.iter().map(import);
        componentize(&module, &includes.chain(imports).collect::<String>())
    }

    fn exports(&self, role: Role) -> String {
        let Self {
            validate,
            allocate,
            amend,
            check,
            ..
        } = self;
        let interface = format!("wasm-cni:plugin/{role}@0.1.0");
        let (decide, check) = match role {
            Role::Ipam => (
                format!("#allocate\") (param i32) (result i32) {allocate}"),
                ANSWER,
            ),
            Role::Policy => (
                format!("#amend\") (param i32) (result i32) {amend}"),
                check.as_str(),
            ),
        };
        format!(
            r#"(func (export "{interface}#validate") (param i32 i32) (result i32) {validate})
                (func (export "{interface}{decide})
                (func (export "{interface}#release") (param i32) (result i32) {ANSWER})
                (func (export "{interface}#check") (param i32) (result i32) {check})
                (func (export "{interface}#status") (param i32 i32) (result i32) {ANSWER})"#
        )
    }
}

/// Makes a component of a core module, in this world.
fn componentize(module: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::new();
    resolve
        .push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit"))
        .unwrap();
    for package in WASI {
        resolve.push_str("package.wit", package).unwrap();
    }
    let world = format!("package test:guest; world guest {{ {world} }}");
    let package = resolve.push_str("world.wit", &world).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}
