"""Words of others on their way to a person: what of them may be told, and in which form.

What a server, a library or a lake says may quote a person or a secret, in any form. So its words reach a
message only through here, and every error of ours passes the last net.

sifting         sentences of a server: words of a closed list, names of ours
harmless_words  the words of that list
signs           codes, ids, kinds of content and waits of a server, where they have the shape of one
foreign         errors that are not ours: what they are, without their words
net             any text of ours, names of others in it: one more look for addresses and secrets
visible         what a terminal or a reader would not see, and what is longer than is read
telling         all of that to a sentence of ours, as it is told and kept
secrets_in_use  the secrets that this process holds, in every form in which one is quoted
quiet_clients   the logs of the libraries that talk to servers for us
"""
