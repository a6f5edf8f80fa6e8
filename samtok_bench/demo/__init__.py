"""The demo in a browser: masks by hand, their words, and a dialogue about a picture.

`model` loads what answers, `session` holds what one visitor does, `drawing` makes pictures of it, `view` says
what is shown, `scenes` are the pictures to begin with; these are plain Python. `page` puts them into a page
of gradio, `launch` serves it.
"""
