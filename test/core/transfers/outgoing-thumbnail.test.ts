import { expect, test } from 'vitest'
import { createOutgoingThumbnail } from '../../../src/core/transfers/outgoing-thumbnail.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

const JPEG = Uint8Array.of(1, 2, 3)

function start(uploadThumbnail: () => Promise<Uint8Array | null>) {
  const log = createRecordingLog()
  return { log, thumbnail: createOutgoingThumbnail('one', { uploadThumbnail }, log) }
}

test('a thumbnail is read for each try, until Telegram refuses it', async () => {
  const { thumbnail, log } = start(async () => JPEG)

  expect([await thumbnail.load(), await thumbnail.load()]).toEqual([JPEG, JPEG])
  thumbnail.refused(new Error('IMAGE_PROCESS_FAILED'))

  expect(await thumbnail.load()).toBeNull()
  expect(JSON.stringify(log.entries)).toContain('a file is posted without its thumbnail')
})

test('a thumbnail that cannot be read is none', async () => {
  const { thumbnail } = start(() => Promise.reject(new Error('the disk fails')))

  expect(await thumbnail.load()).toBeNull()
})
