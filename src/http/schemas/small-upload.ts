import { z } from 'zod'
import { fileName, token } from '../bodies/validation.ts'
import { count, fileBytes, fileNameOut, success, uploadIdOut, userId } from './answer-fields.ts'
import { operation } from './openapi/operation.ts'
import { OF_OPENING, OF_TELEGRAM } from './openapi/refusals.ts'
import { postedFileId, postedMessageId } from './progress.ts'

/** Beside the file and its name. */
export const SmallUploadFields = z.object({ authToken: token.optional() })

export const smallUpload = operation({
  id: 'upload',
  tag: 'Uploads',
  summary: 'Brings a whole file of up to 50 MB',
  description: 'Answered when the file is in Telegram. The fields may come in any order.',
  auth: 'field',
  body: z.object({
    file: fileBytes('The file, 50 MB at most.'),
    fileName: fileName
      .or(z.literal(''))
      .optional()
      .meta({
        description: "The file's name; else that of the form's file.",
        examples: ['holiday.mp4'],
      }),
    ...SmallUploadFields.shape,
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
        fileName: fileNameOut('Its name there.'),
        uploadId: uploadIdOut,
        size: count('Bytes.', 1_048_576),
      }),
    },
  },
  refusals: [...OF_OPENING, ...OF_TELEGRAM, 'SPOOL_DAMAGED'],
})
