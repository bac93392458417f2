import { AppError } from '../../../errors.ts'

export const NOT_DELETABLE =
  'No Telegram account of yours may delete the post. In the channel: Administrators, "Delete messages of others"'

export const PIECE_OF_FILE = 'The message holds a piece of a large file: delete the file'

export function pieceOfFile(): AppError {
  return new AppError('NOT_DELETABLE', PIECE_OF_FILE)
}

export function notDeletable(): AppError {
  return new AppError('NOT_DELETABLE', NOT_DELETABLE, { details: { right: 'delete_messages' } })
}

export function noSuchFile(): AppError {
  return new AppError('MESSAGE_NOT_FOUND', 'There is no such file in the channel')
}

/** Its message is gone, or is no folder any more. */
export function noSuchFolder(): AppError {
  return new AppError('FOLDER_NOT_FOUND', 'The folder is no longer in the channel')
}

/** What people have written beside a file leaves no room for its name. */
export function noRoomForName(): AppError {
  const sentence = 'The text beside the file leaves no room for the name: shorten it in Telegram'
  return new AppError('NOT_EDITABLE', sentence)
}
