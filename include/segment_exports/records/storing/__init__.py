"""How files get to their place whole, and what is told of those that did not, or of a place that takes none.

file_names     names of files that stand for a text from outside, on every disk
foreign_files  files of others: regular ones alone, and none out of their folder
local_disk     files on this machine's disk: written aside, synced and put in place in one step
looking        what is there, where one that can't be looked at now is no empty one
object_store   an object store at a URL, and what it has to be able to do
trouble        an error of a disk in words: which place, which setting names it, what is wrong with it
damage         a file that can't be believed in words, and Parquet files that tell so while they are read
"""
