import { z } from 'zod'
import {
  fileName,
  folder,
  modifiedAt,
  onConflict,
  thumbnailFile,
  token,
} from '../bodies/validation.ts'
import { count, fileBytes, fileNameOut, success, uploadIdOut, userId } from './answer-fields.ts'
import { operation } from './openapi/operation.ts'
import { OF_OPENING, OF_TELEGRAM } from './openapi/refusals.ts'
import { fileSha256, postedFileId, postedMessageId } from './progress.ts'

/** Beside the file and its name. */
export const SmallUploadFields = z.object({
  authToken: token.optional(),
  modifiedAt,
  folder,
  onConflict,
})

export const smallUpload = operation({
  id: 'upload',
  tag: 'Uploads',
  summary: 'Sends a whole file of up to 50 MB',
  description: 'The answer comes when the file is in Telegram. The fields may come in any order.',
  auth: 'field',
  body: z.object({
    file: fileBytes('The file, 50 MB at most.'),
    fileName: fileName
      .or(z.literal(''))
      .optional()
      .meta({
        description: "The file's name. By default the name of the file in the form.",
        examples: ['holiday.mp4'],
      }),
    ...SmallUploadFields.shape,
    thumbnail: thumbnailFile,
    userId,
  }),
  bodyType: 'multipart/form-data',
  answers: {
    200: {
      description: 'The file is in Telegram.',
      body: z.object({
        success,
        messageId: postedMessageId,
        fileId: postedFileId,
        sha256: fileSha256,
        fileName: fileNameOut('Name of the file in Telegram.'),
        uploadId: uploadIdOut,
        size: count('Size of the file in bytes.', 1_048_576),
      }),
    },
  },
  refusals: [...OF_OPENING, ...OF_TELEGRAM, 'SPOOL_DAMAGED'],
})
