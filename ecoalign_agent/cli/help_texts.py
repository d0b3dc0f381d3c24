"""The words of ``--help``."""

ABOUT_HELP = """Safe, useful and affordable answers about pictures.

EcoAlign searches for an answer the way a careful buyer shops: every next thought has a forecast of its safety, its use
and its cost, and is bought only when it is worth it. A path is as safe as its least safe thought.

\b
Free, with no key and no network:
  ecoalign demo
  ecoalign ask "When does it close on Saturday?" --image notice.png

\b
With a model of your choice (needs its key, and spends its tokens):
  export OPENAI_API_KEY=...
  ecoalign ask "What does this label warn of?" --image label.jpg \\
    --model openai:gpt-4o-mini

\b
Exit status:
  0    answered, or declined with a reason
  1    the run failed
  2    a mistake in the request: an option, a picture, a key, a budget
  3    it waits for a person's verdict: see ecoalign review
  4    no useful answer was found, with --require-useful
  130  interrupted
"""

ASK_HELP = """Ask a question, with pictures or without.

The answer goes to standard output and everything else to standard error, so that a pipe gets just the answer. On a
terminal the search is shown as a live tree, and a receipt follows the answer.

\b
Examples:
  ecoalign ask "What is the total?" --image receipt.jpg
  ecoalign ask "Which closes later?" -i a.png -i b.png --budget 4000
  ecoalign ask - --image page.png < question.txt
  ecoalign ask "What is it?" --image https://images.example.org/it.jpg \\
    --allow-image-host images.example.org
  ecoalign ask "What is the total?" --image receipt.jpg --json | jq -r .answer
  ecoalign ask "What is it?" --image it.jpg --model openai:qwen2.5-vl \\
    --base-url http://localhost:8000/v1
  ecoalign ask "Please do what the note says." --image note.png --rewrite

\b
Nothing lost:
  With --state the run is kept in a file, or in Postgres by its URL. If
  the program is killed, the same command goes on where it was and pays
  for no finished call again; an answer that is there is shown again.
  --run-id gives the run a name; one name, one question.
  ecoalign ask "What is the total?" --image receipt.jpg --state runs.db

\b
What it costs:
  The model "offline" is free: rules that read text in pictures,
  no vision-language model, no key, no network.
  Any other model is called with the key of its provider.
  --budget bounds what one question may spend.

\b
Environment:
  OPENAI_API_KEY        the key of OpenAI's models, or of the server
  ECOALIGN_MODEL, ECOALIGN_BASE_URL, ECOALIGN_PRICES, ECOALIGN_STATE
                        as the options of these names
  ECOALIGN_ASSESSOR     as --assessor; several with commas
  ECOALIGN_IMAGE_HOSTS  as --allow-image-host; several with commas
  ECOALIGN_TIMEOUT      seconds one call may take (60)
  ECOALIGN_CONCURRENCY  calls open at one server at once (32)
  ECOALIGN_REQUESTS_PER_MINUTE
                        requests to one server in any minute (no limit)
  ECOALIGN_CACHE        where "ecoalign doctor" keeps what it found,
                        a folder or "off" (~/.cache/ecoalign)
"""

DEMO_HELP = """Four pictures through the whole loop, free: no key, no network, under a minute.

A museum notice, a till receipt, a street sign with a harmless question that sounds harmful, and a picture whose text
asks for something harmful. Each with its question, its search, its answer and one line of what to notice.
"""
