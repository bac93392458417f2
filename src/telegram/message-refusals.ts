import { AppError } from '../errors.ts'

/**
 * The refusal of an edit. `rights`: this account may not edit the posts of others, or may not post;
 * `kind`: Telegram lets such a message be edited by no one.
 */
export function notEditable(why: 'rights' | 'kind', cause: unknown): AppError {
  if (why === 'kind') {
    const sentence = 'Telegram lets no one edit this post: it was forwarded, or is no file'
    return new AppError('NOT_EDITABLE', sentence, { cause })
  }
  const sentence =
    'This Telegram account may not edit the post. In the channel: Administrators, this account, "Edit messages of others"'
  return new AppError('NOT_EDITABLE', sentence, { cause, details: { right: 'edit_messages' } })
}

export function notDeletable(cause: unknown): AppError {
  const sentence =
    'This Telegram account may not delete the post. In the channel: Administrators, this account, "Delete messages of others"'
  return new AppError('NOT_DELETABLE', sentence, { cause, details: { right: 'delete_messages' } })
}

export function noSuchMessage(cause?: unknown): AppError {
  return new AppError('MESSAGE_NOT_FOUND', 'The channel has no such file', { cause })
}

export function cannotSee(): AppError {
  const sentence = 'A bot without an API id cannot see the messages of a channel'
  return new AppError('TELEGRAM_NOT_CONNECTED', sentence)
}
