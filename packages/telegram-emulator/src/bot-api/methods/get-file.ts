import { badBotRequest } from '../bot-api-error.ts'
import type { BotCall } from '../call.ts'
import { fromBotFileId, toBotFileIds, toThumbFileIds } from '../files/file-ids.ts'
import { toFilePath } from '../files/file-paths.ts'
import { textOf } from '../request/parameters.ts'

/** https://core.telegram.org/bots/api#getfile */
export async function getFile(call: BotCall): Promise<Record<string, unknown>> {
  const { telegram, bot, parameters } = call
  const { files, settings, store } = telegram
  const given = textOf(parameters, 'file_id')
  if (given === '') throw badBotRequest('file_id not specified')
  const file = fromBotFileId(telegram, bot, given)
  if (!file) throw badBotRequest('invalid file_id')
  const { document, isThumb } = file
  const size = isThumb ? (document.thumb?.bytes.length ?? 0) : document.size
  if (!settings.botApiLocal && size > settings.botApiDownloadLimit)
    throw badBotRequest('file is too big')
  const ids = isThumb ? toThumbFileIds : toBotFileIds
  const { fileId, fileUniqueId } = ids(telegram, bot, document)
  const { documents } = store
  return {
    file_id: fileId,
    file_unique_id: fileUniqueId,
    file_size: size,
    // With --local the path is one on the server's disk.
    file_path: !settings.botApiLocal
      ? toFilePath(file)
      : isThumb
        ? documents.thumbPathOf(document)
        : await files.localPath(document.id),
  }
}
