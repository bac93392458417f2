export const USAGE = `Usage:
  telestore-worker upload PATH…          sends files into the channel, and all that are in folders
  telestore-worker download MESSAGE      brings the file of a message back
  telestore-worker download PATH         brings a file or a folder of the channel back
  telestore-worker status [UPLOAD_ID]    how the worker is, or how far one upload is
  telestore-worker ls [FOLDER]           what is in a folder of the channel
  telestore-worker find WORD…            files of the channel by words of their names
  telestore-worker leftovers             what is left of large files that are no files any more
  telestore-worker rescan                reads the whole channel again
  telestore-worker mv WHAT… WHERE        renames or moves files and folders of the channel
  telestore-worker cp FILE… FOLDER       copies files of the channel, without their bytes
  telestore-worker rm WHAT…              deletes files and empty folders of the channel
  telestore-worker mkdir FOLDER…         makes folders in the channel
  telestore-worker share WHAT…           makes a link with a page to files, or to a folder
  telestore-worker shares                all such links, and how often each was used
  telestore-worker unshare LINK…         ends links for good
  telestore-worker doctor                looks for what is wrong with a set-up, and says what to do

Options:
  --url URL          where the worker is (TELESTORE_URL, http://127.0.0.1:10000)
  --token-file FILE  a file with the login token in its first line
  --token TOKEN      the token itself; others can see it in the list of processes. Better is
                     TELESTORE_TOKEN in the environment
  --json             one line of JSON for each result
  --quiet            no bars and no progress
  --help, --version

upload:
  --file-name NAME   another name, for one file
  --folder PATH      into this folder of the library, such as /Photos/2026, which is made where it
                     is missing; the folders of a PATH are kept below it
  --on-conflict WAY  where the folder has a file of this name: keep-both, reject or replace
  --parallel N       chunks on their way at once (3)
  --no-resume        begin anew even if an earlier try was broken off
  --all              of folders also what systems keep for themselves (.DS_Store, Thumbs.db, ._…)

download:
  --output PATH      a file or a folder; - is standard output. Of a folder: where its files go
  --zip              one ZIP file of a folder, or of the messages that are named
  --file-name NAME   another name
  --file-id ID       for a bot that cannot see messages
  --range A-B        only these bytes, the first is 0; A- goes to the end
  --force            overwrite a file that is there

ls:
  --recursive        also what is in folders below, with paths
  --sort ORDER       name, size or date; the largest and the newest come first
  --reverse          the other way round

find:
  --folder FOLDER    only in this folder and below
  --kind KIND        only video, audio, image, document, archive or other

leftovers:
  --delete           deletes it

share:
  --expires TIME     30m, 12h, 7d or 4w (7d); a year at most
  --password TEXT    asks for a password; others can see it in the list of processes. Better is
  --password-file FILE  which has it in its first line
  --max-downloads N  so many downloads; a visit counts each file once
  --title TEXT       stands above the files

mv, cp, rm, share:
  WHAT and FILE are paths in the channel, such as /Photos/cat.jpg, or numbers of messages. WHERE is a
  folder that is there, a path with a slash at its end, or for one thing its new path.
  --recursive        rm: a folder with all that is in it

doctor:
  --url URL          looks at the worker there, too
  --force            use the Telegram session although a worker runs, or may run elsewhere.
                     Two processes on one session make Telegram revoke it

An upload or download that was broken off goes on when the same command runs again; of several
files those that were sent before are left alone.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
`
