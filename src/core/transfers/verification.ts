import { AppError } from '../../errors.ts'
import { blocksToVerify, type VerifyMode } from '../model/verification.ts'
import type { Log } from '../ports/log.ts'
import type { OutgoingFile, Verification } from '../ports/telegram.ts'
import { isRetryable } from './transfer-retry.ts'

/** Damages of one file after which its job fails: it is sent once more. */
const MAX_DAMAGES = 2
/** Failures to read a posted file back after which it counts as it is: it is in the channel. */
const MAX_UNREAD = 3

/** How the file of one job is read back. */
export function createVerification(
  { uploadId, size }: Pick<OutgoingFile, 'uploadId' | 'size'>,
  mode: VerifyMode,
  log: Log,
): Verification {
  let damages = 0
  let unread = 0
  return {
    blocks: () => blocksToVerify(mode, size),
    damaged: () => {
      damages++
      log.warn({ uploadId, damages }, 'Telegram has other bytes than those that were sent')
      if (damages < MAX_DAMAGES) return
      throw new AppError('TELEGRAM_REJECTED', 'Telegram has damaged the file')
    },
    unread: (error) => {
      unread++
      if (isRetryable(error) && unread < MAX_UNREAD) throw error
      log.warn({ uploadId, err: error }, 'a posted file cannot be read back')
    },
  }
}
