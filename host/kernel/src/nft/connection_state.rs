use super::expression::{Comparison, Expression, Register};

/// `NF_CT_STATE_BIT(IP_CT_ESTABLISHED)` and `NF_CT_STATE_BIT(IP_CT_RELATED)`
/// (include/uapi/linux/netfilter/nf_conntrack_common.h).
const ESTABLISHED: u32 = 1 << 1;
const RELATED: u32 = 1 << 2;

/// Matches packets of a flow that has passed in both directions, and what belongs to one, such as an ICMP error.
pub(super) fn established_or_related() -> Vec<Expression> {
    let register = Register::First;
    vec![
        Expression::ConnectionState { into: register },
        Expression::Mask {
            register,
            mask: (ESTABLISHED | RELATED).to_ne_bytes().to_vec(),
        },
        Expression::Compare {
            register,
            comparison: Comparison::Differs,
            value: vec![0; 4],
        },
    ]
}
