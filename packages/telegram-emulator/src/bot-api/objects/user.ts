import type { Account } from '../../store/accounts.ts'

/** https://core.telegram.org/bots/api#user */
export function toBotUser(account: Account): Record<string, unknown> {
  return {
    id: account.id,
    is_bot: account.kind === 'bot',
    first_name: account.name,
    ...(account.username === null ? {} : { username: account.username }),
  }
}

/** The bot itself, with the fields that are "returned only in getMe". */
export const toBotItself = (account: Account): Record<string, unknown> => ({
  ...toBotUser(account),
  can_join_groups: true,
  can_read_all_group_messages: false,
  supports_inline_queries: false,
  can_connect_to_business: false,
  has_main_web_app: false,
  has_topics_enabled: false,
  allows_users_to_create_topics: false,
})
