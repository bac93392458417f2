import type { TransferRequest } from '../../../core/ports/telegram.ts'
import { RpcError } from '../../errors.ts'
import type { Account } from '../account/account.ts'
import { SAVE_PART_METHOD } from '../account/posting-methods.ts'
import type { Api } from '../connection/gramjs.ts'
import { randomLong } from './transfer-state.ts'

type Request = Pick<TransferRequest, 'thumbnail' | 'signal'>

/** Longer waits are not for a picture: the file goes without. */
const LONGEST_WAIT_MS = 5_000

/**
 * Makes something of a file with its thumbnail, which is saved first. Without one where there is none,
 * where it cannot be saved, and where Telegram refuses the two together: what it says of the file
 * alone counts.
 */
export async function withThumbnail<T>(
  account: Account,
  request: Request,
  make: (thumb: Api.InputFile | null) => Promise<T>,
): Promise<T> {
  const { thumbnail, signal } = request
  const jpeg = await thumbnail.load()
  const thumb = jpeg && (await saveThumbnail(account, jpeg, request))
  if (thumb === null) return make(null)
  try {
    return await make(thumb)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof RpcError) || error.code !== 400) throw error
    const made = await make(null)
    thumbnail.refused(error)
    return made
  }
}

async function saveThumbnail(
  account: Account,
  jpeg: Uint8Array,
  { thumbnail, signal }: Request,
): Promise<Api.InputFile | null> {
  const { Api, toLong } = account.gramjs
  const fileId = toLong(randomLong())
  const bytes = Buffer.from(jpeg)
  try {
    await account
      .requestChannel(account.dcId)
      .call(SAVE_PART_METHOD, () => new Api.upload.SaveFilePart({ fileId, filePart: 0, bytes }), {
        signal,
        floodMs: LONGEST_WAIT_MS,
      })
  } catch (error) {
    signal.throwIfAborted()
    thumbnail.refused(error)
    return null
  }
  return new Api.InputFile({ id: fileId, parts: 1, name: 'thumbnail.jpg', md5Checksum: '' })
}
