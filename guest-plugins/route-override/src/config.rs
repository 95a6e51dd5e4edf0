use serde::Deserialize;
use wasm_cni_guest::{Failure, Route, config};

use crate::gateways::Gateways;
use crate::table;

/// The most routes that `delroutes` and `addroutes` may each have.
const MOST_ROUTES: usize = 256;

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteOverride {
    pub(crate) flush_routes: bool,
    pub(crate) flush_gateway: bool,
    pub(crate) delete: Vec<Route>,
    pub(crate) add: Vec<Route>,
    pub(crate) gateways: Gateways,
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageObject {
    #[serde(default)]
    flushroutes: bool,
    #[serde(default)]
    flushgateway: bool,
    delroutes: Option<Vec<Route>>,
    addroutes: Option<Vec<Route>>,
    #[serde(default)]
    gateway: Gateways,
    #[serde(rename = "skipcheck")]
    _skipcheck: Option<bool>,
}

/// What `args.cni` may replace.
#[derive(Default, Deserialize)]
struct Args {
    flushroutes: Option<bool>,
    flushgateway: Option<bool>,
    delroutes: Option<Vec<Route>>,
    addroutes: Option<Vec<Route>>,
}

impl RouteOverride {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let object: StageObject = config::parse_stage(text)?;
        let args: Args = config::args(text)?;
        let plugin = Self {
            flush_routes: args.flushroutes.unwrap_or(object.flushroutes),
            flush_gateway: args.flushgateway.unwrap_or(object.flushgateway),
            delete: args.delroutes.or(object.delroutes).unwrap_or_default(),
            add: args.addroutes.or(object.addroutes).unwrap_or_default(),
            gateways: object.gateway,
        };
        plugin.check()?;
        Ok(plugin)
    }

    fn check(&self) -> Result<(), Failure> {
        for (key, routes) in [("delroutes", &self.delete), ("addroutes", &self.add)] {
            if routes.len() > MOST_ROUTES {
                return Err(Failure::InvalidConfig(format!(
                    "{key} has {} routes; at most {MOST_ROUTES} are possible",
                    routes.len()
                )));
            }
        }
        for (index, route) in self.add.iter().enumerate() {
            let place = || format!("addroutes[{index}] to {}", route.destination);
            let destination = route.destination.addr();
            if let Some(gateway) = route.gateway
                && gateway.is_ipv4() != destination.is_ipv4()
            {
                return Err(Failure::InvalidConfig(format!(
                    "{}: gw {gateway} is of the other family",
                    place()
                )));
            }
            let earlier = self.add.iter().take(index);
            if earlier.clone().any(|other| table::is_same(other, route)) {
                return Err(Failure::InvalidConfig(format!(
                    "{}: is there twice; routes to one destination differ in priority or table",
                    place()
                )));
            }
            if let Some(gateway) = self.gateways.for_family_of(destination)
                && table::is_default(route)
                && route.priority.is_none()
            {
                return Err(Failure::InvalidConfig(format!(
                    "{}: gateway = {gateway} makes a default route already; leave one of the two out",
                    place()
                )));
            }
        }
        Ok(())
    }
}
