import type { BotApiTransferState, PostedFile } from '../../core/ports/records.ts'
import type { TransferRequest } from '../../core/ports/telegram.ts'

export interface PostIntactOptions {
  /** Whether these credentials can read such a file at all. */
  canReadBack: boolean
  /** Posts the file, or finds it posted. */
  post: () => Promise<PostedFile>
  /** Whether what the message holds are the bytes of these blocks. */
  isAsSent: (posted: PostedFile, blocks: readonly number[]) => Promise<boolean>
  /** Deletes the message of a damaged file; a failure is not the file's. */
  remove: (posted: PostedFile) => Promise<void>
}

/**
 * Posts a file and reads it back: by the Bot API there is nothing to read before the post. The
 * message is noted first, so that a failure or a death meanwhile leads to no second one.
 */
export async function postIntact(
  { journal, verification, signal }: Pick<TransferRequest, 'journal' | 'verification' | 'signal'>,
  { canReadBack, post, isAsSent, remove }: PostIntactOptions,
): Promise<PostedFile> {
  async function postAndNote(): Promise<PostedFile> {
    const noted = await load()
    if (noted?.posted) return noted.posted
    const posted = await post()
    const state = await load()
    if (state) await journal.save({ ...state, posted })
    return posted
  }

  async function load(): Promise<BotApiTransferState | null> {
    const state = await journal.load()
    return state?.road === 'bot-api' ? state : null
  }

  for (;;) {
    const blocks = canReadBack ? verification.blocks() : []
    if (blocks.length === 0) return post()
    const posted = await postAndNote()
    try {
      if (await isAsSent(posted, blocks)) return posted
    } catch (error) {
      signal.throwIfAborted()
      verification.unread(error)
      return posted
    }
    // First the note: a death in between must not leave one of a message that is gone.
    await journal.reset()
    await remove(posted)
    verification.damaged()
  }
}
