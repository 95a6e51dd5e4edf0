use super::{Call, Change, Node, PolicyCall, ProposalState, key};
use crate::{Attachment, Failure, Policy};

/// Policy plugins.
impl Node {
    /// CNI ADD of one stage: what it proposes, in its order. If it fails or refuses the attachment, everything that it
    /// wrote is taken back.
    ///
    /// ```
    /// # use wasm_cni_guest::testing::{Change, Node, ProposalState};
    /// # use wasm_cni_guest::{Attachment, Changes, Failure, Policy, PolicyHost};
    /// struct Jumbo;
    ///
    /// impl Policy for Jumbo {
    ///     fn configure(_: &str) -> Result<Self, Failure> {
    ///         Ok(Self)
    ///     }
    ///
    ///     fn amend(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
    ///         host.set_mtu(9000);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let pod = Attachment::new("pods", "4f5e", "eth0");
    /// let changes = Node::new().amend::<Jumbo>("{}", &pod, &ProposalState::bridged())?;
    /// assert_eq!(changes, [Change::SetMtu(9000)]);
    /// # Ok::<(), Failure>(())
    /// ```
    ///
    /// # Errors
    /// The plugin's.
    pub fn amend<P: Policy>(
        &self,
        config: &str,
        attachment: &Attachment,
        proposal: &ProposalState,
    ) -> Result<Vec<Change>, Failure> {
        let before = self.state.borrow().clone();
        let call = self.policy_call(attachment, proposal);
        let answer = P::configure(config).and_then(|plugin| plugin.amend(attachment, &call));
        let changes = call.changes();
        let denied = changes
            .iter()
            .any(|change| matches!(change, Change::Deny(_)));
        if answer.is_err() || denied {
            *self.state.borrow_mut() = before;
        }
        answer.map(|()| changes)
    }

    /// CNI DEL of one stage: the attachment's values are removed, then the plugin is told.
    ///
    /// # Errors
    /// The plugin's; the values are removed all the same.
    pub fn release<P: Policy>(&self, config: &str, attachment: &Attachment) -> Result<(), Failure> {
        self.state.borrow_mut().values.detach(&key(attachment));
        let call = self.policy_call(attachment, &ProposalState::new());
        P::configure(config)?.release(attachment, &call)
    }

    /// CNI CHECK of one stage; `proposal` is what was applied, such as [`ProposalState::after`] makes it.
    ///
    /// # Errors
    /// The plugin's.
    pub fn check_policy<P: Policy>(
        &self,
        config: &str,
        attachment: &Attachment,
        proposal: &ProposalState,
    ) -> Result<(), Failure> {
        let call = Call::reading(self, &attachment.network, Some(key(attachment)));
        P::configure(config)?.check(attachment, &PolicyCall::new(call, proposal.clone()))
    }

    /// CNI STATUS of one stage.
    ///
    /// # Errors
    /// The plugin's.
    pub fn status_policy<P: Policy>(&self, config: &str, network: &str) -> Result<(), Failure> {
        let call = Call::reading(self, network, None);
        P::configure(config)?.status(&PolicyCall::new(call, ProposalState::new()))
    }

    /// The host as a policy plugin sees it during an ADD of this attachment.
    #[must_use]
    pub fn policy_call(&self, attachment: &Attachment, proposal: &ProposalState) -> PolicyCall<'_> {
        PolicyCall::new(self.call(attachment), proposal.clone())
    }
}
