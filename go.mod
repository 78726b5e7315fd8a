module example.com/evident

go 1.26.0
