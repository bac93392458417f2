import { expect, test } from 'vitest'
import { openUpload } from '../../../src/core/model/upload.ts'
import type { Upload } from '../../../src/core/ports/records.ts'
import { logProgress } from '../../../src/core/progress/logged-progress.ts'
import { createProgressBoard } from '../../../src/core/progress/progress-board.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

const about = { fileName: 'a', mimeType: 'text/plain', size: 1000, totalChunks: 1, owner: 'ann' }
const upload: Upload = { ...openUpload({ ...about, id: 'a' }, 0), state: 'sealed' }

test('each tenth of the way is one line, with the upload on it', () => {
  const log = createRecordingLog()
  const board = logProgress(createProgressBoard(), log)

  for (let bytes = 0; bytes <= 1000; bytes += 10) {
    board.report(upload, { phase: 'sending', acceptedBytes: bytes })
  }
  board.report(upload, { phase: 'posting' })

  expect(log.entries.map((entry) => entry.message)).toEqual([
    'Upload progress: 30%',
    'Upload progress: 40%',
    'Upload progress: 50%',
    'Upload progress: 60%',
    'Upload progress: 70%',
    'Upload progress: 80%',
    'Upload progress: 90%',
  ])
  expect(log.entries[0]?.fields).toMatchObject({ uploadId: 'a', phase: 'sending' })
})
