import { backoff } from '../../../lib/waiting/retry.ts'
import { sleep } from '../../../lib/waiting/sleep.ts'
import { faultOf, unavailable } from '../../errors.ts'
import type { Api } from '../connection/gramjs.ts'
import { findMessage, newestMessageId, type Reading } from './history.ts'
import { type PostedMessage, postedMessage } from './messages.ts'
import { randomLong } from './transfer-state.ts'

/** What has to survive the process between the tries of one post. */
export interface PostState {
  /** A long, as decimal text; chosen before the first try. */
  readonly randomId: string | null
  /** The channel's newest message before the first try: what is looked for is newer. */
  readonly newestMessageId: number | null
  /** More than 0: an earlier try may have arrived. */
  readonly postAttempts: number
}

export interface OncePost {
  reading: Reading
  state: PostState
  save: (state: PostState) => Promise<void>
  /** Whether a message is the one that is posted. */
  isPosted: (message: Api.Message) => boolean
  /** One try, which is never sent again by itself. */
  send: (randomId: string) => Promise<Api.TypeUpdates>
}

/** Tries of one post, each begun by looking whether an earlier one has arrived. */
const POST_ATTEMPTS = 6
/** Pauses between looks for a message of which Telegram says that it exists. */
const LOOKS_MS = [0, 500, 1500, 4000]

/**
 * Posts exactly once, also when answers are lost or the process dies at any moment: the `random_id`
 * and the newest message before it are noted first, and every try but the very first begins by
 * looking for the message among newer ones. Telegram forgets a `random_id` at some time, so it alone
 * is no proof.
 */
export async function postOnce(post: OncePost): Promise<PostedMessage> {
  const { reading, isPosted } = post
  const { signal } = reading.options
  let { state } = post

  async function note(): Promise<string> {
    const randomId = state.randomId ?? randomLong()
    const newest = state.newestMessageId ?? (await newestMessageId(reading))
    state = { randomId, newestMessageId: newest, postAttempts: state.postAttempts + 1 }
    await post.save(state)
    return randomId
  }

  async function look(): Promise<PostedMessage | null> {
    const message = await findMessage(reading, { after: state.newestMessageId ?? 0 }, isPosted)
    return message && { id: message.id, message }
  }

  /** Telegram has the message but did not say which: it may take a moment to appear. */
  async function lookUntilFound(cause: unknown): Promise<PostedMessage> {
    for (const pause of LOOKS_MS) {
      await sleep(pause, signal)
      const found = await look()
      if (found) return found
    }
    throw unavailable(cause)
  }

  for (let attempt = 1; ; attempt++) {
    const found = state.postAttempts > 0 ? await look() : null
    if (found) return found
    const randomId = await note()
    try {
      const updates = await post.send(randomId)
      const posted = postedMessage(reading.account.gramjs, updates, { randomId, isPosted })
      if (posted) return posted
    } catch (error) {
      signal.throwIfAborted()
      const { kind } = faultOf(error)
      if (kind === 'repeated') return await lookUntilFound(error)
      if (kind !== 'passing' || attempt >= POST_ATTEMPTS) throw error
      await sleep(backoff(attempt), signal)
    }
  }
}
