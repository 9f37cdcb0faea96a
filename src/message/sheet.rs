//! What stands on printed sheets: the commands and the roles in words.

use super::Language;
use crate::domain::work::Role;

/// The commands that are printed: the code behind `WB:C:`, and what it does in Chinese and English.
pub const COMMANDS: [(&str, &str, &str); 21] = [
    ("UNDO", "撤销", "Undo"),
    ("ACK", "确认报警", "Acknowledge"),
    ("DONE", "完成关闭", "Done"),
    ("PAUSE", "暂停", "Pause"),
    ("SHORT", "短拣：找不到", "Short: not found"),
    ("SHORT-DAMAGED", "短拣：破损", "Short: damaged"),
    ("SHORT-BLOCKED", "短拣：禁售", "Short: blocked"),
    ("SEAL", "封箱", "Seal"),
    ("OVERRIDE", "申请放行", "Override"),
    ("UNLOAD", "卸车", "Unload"),
    ("PUTBACK", "放回", "Put back"),
    ("REPRINT", "重打", "Reprint"),
    ("TEACH", "登记条码", "Teach a barcode"),
    ("SIGNOUT", "退出登录", "Sign out"),
    ("QTY-2", "数量 2", "Quantity 2"),
    ("QTY-3", "数量 3", "Quantity 3"),
    ("QTY-5", "数量 5", "Quantity 5"),
    ("QTY-10", "数量 10", "Quantity 10"),
    ("QTY-20", "数量 20", "Quantity 20"),
    ("QTY-50", "数量 50", "Quantity 50"),
    ("QTY-100", "数量 100", "Quantity 100"),
];

/// What a role is called.
#[must_use]
pub fn role_name(role: Role, language: Language) -> &'static str {
    match role {
        Role::Operator => language.pick("操作员", "Operator"),
        Role::Lead => language.pick("组长", "Lead"),
        Role::Supervisor => language.pick("主管", "Supervisor"),
        Role::Admin => language.pick("管理员", "Admin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::barcode::codes;

    #[test]
    fn every_printed_command_is_one() {
        for (code, ..) in COMMANDS {
            assert!(codes::read(&format!("WB:C:{code}"), None).is_some(), "{code}");
        }
    }
}
