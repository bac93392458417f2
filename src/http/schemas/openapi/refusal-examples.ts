import type { z } from 'zod'
import type { ErrorCode } from '../../../errors.ts'
import type { Refusal } from './refusals.ts'

type Words = string | Omit<z.input<typeof Refusal>, 'code'>

const START_OVER = 'Cancel it and add the file again'

/** An example of each refusal. */
export const REFUSAL_EXAMPLES: Readonly<Record<ErrorCode, Words>> = {
  INVALID_REQUEST: { error: 'fileName: is missing', field: 'fileName' },
  EMPTY_FILE: { error: 'Telegram takes no empty files', field: 'fileSize' },
  CHUNK_OUT_OF_RANGE: {
    error: 'chunkIndex: the file has 20 chunks',
    field: 'chunkIndex',
    totalChunks: 20,
  },
  CHUNK_SIZE_WRONG: {
    error: 'The chunk is too short',
    field: 'chunk',
    received: 1024,
    expected: 5_242_880,
  },
  CHUNK_DAMAGED: 'The chunk was damaged on the way',
  CHUNKS_MISSING: {
    error: 'Not all chunks received',
    received: 18,
    total: 20,
    missing: [3, 7],
    hint: START_OVER,
  },
  TELEGRAM_NOT_CONFIGURED: {
    error: 'Telegram is not set up: connect it in settings',
    detail: 'Telegram is not connected',
  },
  TOKEN_MISSING: { error: 'authToken: is missing', field: 'authToken' },
  TOKEN_REFUSED: 'The token is not valid',
  FORBIDDEN: 'This link is for another file',
  NOT_EDITABLE: {
    error:
      'Telegram does not let this account edit the post. In the channel: Administrators, this account, "Edit messages of others"',
    right: 'edit_messages',
  },
  NOT_DELETABLE: {
    error:
      'Telegram does not let this account delete the post. In the channel: Administrators, this account, "Delete messages of others"',
    right: 'delete_messages',
  },
  NOT_FOUND: 'There is nothing here',
  SHARE_PASSWORD_NEEDED: 'This share asks for a password',
  SHARE_PASSWORD_WRONG: 'This is not the password',
  SHARE_NOT_FOUND: 'There is no such share',
  UPLOAD_NOT_FOUND: { error: 'Upload session not found', hint: START_OVER },
  MESSAGE_NOT_FOUND: 'There is no such file in the channel',
  FOLDER_NOT_FOUND: 'There is no folder /Photos',
  THUMBNAIL_NOT_FOUND: 'There is no small picture of this file',
  METHOD_NOT_ALLOWED: 'An upload is asked by HEAD, PATCH or DELETE',
  REQUEST_TIMEOUT: 'The request took too long to arrive',
  UPLOAD_DIFFERS: { error: 'fileSize: is not what the upload was opened with', field: 'fileSize' },
  CHUNK_DIFFERS: { error: 'Chunk 5 is here already, with other bytes', chunkIndex: 5 },
  UPLOAD_CLOSED: { error: `The upload is complete. ${START_OVER}`, hint: START_OVER },
  OFFSET_CONFLICT: { error: 'Upload-Offset is not where the upload is', offset: 5_242_880 },
  TOO_MANY_SHARES: 'You have 1000 shares already: end one of them first',
  SHARE_ENDED: 'This share has expired',
  FILE_EXISTS: { error: '/Holidays/rome.mp4 is in the library already', messageId: 42 },
  FOLDER_EXISTS: 'There is a folder /Holidays/Rome already',
  FOLDER_NOT_EMPTY: {
    error: 'The folder /Holidays is not empty',
    hint: 'Delete what is in it, or say recursive=true',
  },
  UPLOAD_GONE: { error: 'The upload has failed', reason: 'Could not resolve channel ID' },
  UPLOAD_CANCELLED: {
    error: 'This upload was cancelled. Take it off the list and add the file again',
    hint: START_OVER,
  },
  FILE_INCOMPLETE: {
    error: 'The file cannot be read: volume 2 of 12 is missing in Telegram',
    volume: 2,
    of: 12,
    messageId: 44,
  },
  PROTOCOL_VERSION: 'Tus-Resumable: this is version 1.0.0',
  PRECONDITION_FAILED: 'The file is not the one that was asked for',
  CHUNK_TOO_LARGE: 'The chunk is too large',
  FILE_TOO_LARGE: { error: 'The file is too large', maxFileSize: 2_097_152_000 },
  PAYLOAD_TOO_LARGE: 'The request is too large',
  UNSUPPORTED_MEDIA_TYPE: 'The content type is not what this call takes',
  UPLOAD_LOCKED: 'Another request works on this upload',
  RANGE_NOT_SATISFIABLE: 'The file has no such range',
  TOO_MANY_REQUESTS: 'Too many refused requests from your address',
  TOO_MANY_UPLOADS: { error: 'You have too many unfinished uploads', maxUploads: 1000 },
  HEADERS_TOO_LARGE: 'The headers are too large',
  CHECKSUM_MISMATCH: 'The bytes are not those of the checksum',
  INTERNAL: 'Something went wrong inside the worker',
  CLIENT_CLOSED_REQUEST: 'The client left',
  BACKEND_UNAVAILABLE: 'The backend cannot be reached',
  TELEGRAM_UNAVAILABLE: 'Telegram cannot be reached',
  TELEGRAM_FLOOD_WAIT:
    'Telegram asks this account to wait for 6 hours 57 minutes. Try again after that',
  PEER_UNAVAILABLE: 'Another node of this service cannot be reached',
  LEASE_LOST: 'Another node of this service goes on with it',
  BUSY: 'The worker has too much to do; try again in a moment',
  WINDOW_FULL:
    'Telegram has to take what is here of this file first; send this chunk again in a moment',
  SHUTTING_DOWN: 'The worker is restarting',
  SPOOL_FULL: 'There is no room for the file',
  QUOTA_EXCEEDED: {
    error: 'Your unfinished uploads take too much room',
    maxBytes: 4_294_967_296,
    heldBytes: 4_200_000_000,
  },
  SPOOL_FAILED: 'The disk does not take the file',
  SPOOL_DAMAGED: { error: 'The disk has lost bytes of the file', hint: START_OVER },
  TELEGRAM_SESSION_INVALID: 'Telegram session not authorized',
  TELEGRAM_SESSION_DUPLICATED: 'The session was used in two places: connect Telegram again',
  TELEGRAM_CHANNEL_NOT_FOUND: 'Could not resolve channel ID',
  TELEGRAM_FORBIDDEN: 'Telegram forbids it',
  TELEGRAM_NOT_CONNECTED: 'Connect Telegram in settings',
  TELEGRAM_REJECTED: 'Upload failed: Telegram did not take the file',
}
